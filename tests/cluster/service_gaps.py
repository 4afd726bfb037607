"""How long schools are out of service, as a Client on this machine sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.school_client import Door, Login, RefusedError, SchoolClient, UnreachableError

EVERY_SECONDS = 0.2
PATIENCE_SECONDS = 1.0
"""An answer that takes longer counts as none."""


@dataclass
class Answers:
    """What one school answered.

    Args:
        gaps: seconds from the last answer before each time without any to the first one after it.
        years: the school years that were in service, one after the other.
    """

    gaps: list[float] = field(default_factory=list)
    years: list[int] = field(default_factory=list)
    latest: float | None = None
    silent: bool = False

    @property
    def longest(self) -> float:
        """The longest gap, in seconds; one that has not ended yet counts."""
        now = [time.monotonic() - self.latest] if self.silent and self.latest is not None else []
        return max([*self.gaps, *now], default=0.0)

    def answered(self, year: int) -> None:
        """Note an answer."""
        now = time.monotonic()
        if self.silent and self.latest is not None:
            self.gaps.append(now - self.latest)
        self.latest, self.silent = now, False
        if self.years[-1:] != [year]:
            self.years.append(year)


@contextmanager
def asked_all_the_time(doors: Mapping[str, Door]) -> Iterator[dict[str, Answers]]:
    """Ask each school five times a second which year is in service, over a connection that is kept, until the end."""
    found = {name: Answers() for name in doors}
    end = threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(doors[name], answers, end), name=f"Client of {name}", daemon=True)
        for name, answers in found.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        end.set()
        for thread in threads:
            thread.join(10)


def _ask(door: Door, answers: Answers, end: threading.Event) -> None:
    # Which years there are is told without a login.
    client = SchoolClient(door, Login("", ""), patience=PATIENCE_SECONDS)
    while not end.wait(EVERY_SECONDS):
        try:
            years = client.years()
        except (RefusedError, UnreachableError):
            answers.silent = True
        else:
            answers.answered(next(year for year, state in years.items() if state == "InService"))
    client.close()
