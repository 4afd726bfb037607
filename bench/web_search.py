"""Looks for the largest rate that is carried, by bisection. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Search:
    """Between a rate that was carried and one that was not.

    A rate that was missed is tried a second time before it counts: other work on the machine spoils single bursts,
    while nothing makes one look better than it is.

    Args:
        good: a rate that was carried, or 0.
        bad: a rate that was not, or one above all that are looked for.
        step: how close the two come to each other in the end, at least 1.
    """

    good: float
    bad: float
    step: float
    _missed: float | None = field(default=None, init=False)

    @property
    def rate(self) -> float | None:
        """What to try next, a whole number; None when all is known."""
        if self._missed is not None:
            return self._missed
        if self.bad - self.good <= self.step:
            return None
        return float(round((self.good + self.bad) / 2))

    def told(self, rate: float, *, carried: bool) -> None:
        """Take the outcome of the rate that was tried."""
        if carried:
            self.good, self._missed = rate, None
        elif self._missed == rate:
            self.bad, self._missed = rate, None
        else:
            self._missed = rate
