"""Rolls as their agents have seen them, and what follows from many of them. No I/O."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Roll:
    """One roll of one base; times are monotonic seconds.

    Args:
        asked: when its agent was first asked for the archive.
        archived: when that was taken.
        ended: when the pod was gone that ran before.
        ready: when the pod was seen ready that came after it.
        confirmed: when the server there first said what it runs.
        pods: how many pods came after the one that was archived.
    """

    asked: float
    archived: float
    ended: float
    ready: float
    confirmed: float
    pods: int

    @property
    def seconds(self) -> float:
        """How long it took: what a place is taken for at least."""
        return self.confirmed - self.asked

    def parts(self) -> dict[str, float]:
        """The same in its parts."""
        return {
            "archive": self.archived - self.asked,
            "from the archive to the end of the old pod": self.ended - self.archived,
            "from there to the new pod's being ready": self.ready - self.ended,
            "from there to the server's answer": self.confirmed - self.ready,
        }


def roll_of(told: dict[str, Any]) -> Roll | None:
    """The roll that an agent's record tells; None while it has not come to its end."""
    names = [field.name for field in fields(Roll)]
    if any(told.get(name) is None for name in names):
        return None
    return Roll(**{name: told[name] for name in names})


def bound(bases: int, at_once: int, seconds: float) -> float:
    """Seconds below which so many rolls cannot stay: every place is taken all the time.

    Args:
        bases: to be rolled.
        at_once: how many may be in flight.
        seconds: of one roll, on average.

    Raises:
        ValueError: no roll is ever allowed.
    """
    if at_once < 1:
        raise ValueError("no base may be rolled")
    return bases / min(at_once, max(bases, 1)) * seconds


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """How many spans of time overlap at most; one that begins as another ends does not overlap it."""
    changes = sorted(change for start, end in spans for change in ((start, 1), (end, -1)))
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def rates(counts: Sequence[tuple[float, int]]) -> list[float]:
    """Per second, between each two readings of a counter (seconds, count)."""
    return [
        (count - before) / (seconds - since)
        for (since, before), (seconds, count) in itertools.pairwise(counts)
        if seconds > since
    ]
