"""A school year that turns in these days, and the clock by which an operator comes to them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

PARIS = "Europe/Paris"
LATE = dt.timedelta(hours=2)
"""So near to midnight nothing is begun that must end on the same day."""
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class SchoolDays:
    """The three dates of a calendar, one day after the other.

    Args:
        archive: day of the year-end archive.
        new_base: day on which the coming year's base is prepared.
        switchover: day on which it is put in service.
        tz: in which these days are read.
    """

    archive: dt.date
    new_base: dt.date
    switchover: dt.date
    tz: str = PARIS

    @classmethod
    def coming(cls, tz: str = PARIS) -> Self:
        """From tomorrow on; a day later, when tomorrow is about to begin."""
        first = (dt.datetime.now(ZoneInfo(tz)) + LATE).date() + DAY
        return cls(first, first + DAY, first + 2 * DAY, tz)

    @property
    def year(self) -> int:
        """The school year that they lead to."""
        return self.switchover.year

    @property
    def calendar(self) -> dict[str, str]:
        """As in a VersionChannel."""
        days = {"yearEndArchive": self.archive, "newBase": self.new_base, "switchover": self.switchover}
        return {name: f"{day:%m-%d}" for name, day in days.items()}

    def evening(self, day: dt.date) -> str:
        """When a release of that day is due, as in a VersionChannel."""
        return f"{day}T18:00:00"

    def start_of_evening(self, day: dt.date) -> str:
        """The same instant as a status tells it."""
        local = dt.datetime.fromisoformat(self.evening(day)).replace(tzinfo=ZoneInfo(self.tz))
        return f"{local.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"

    def hours_until_night(self, day: dt.date) -> float:
        """How far ahead a clock is that shows nine in the evening of a day, now."""
        night = dt.datetime.combine(day, dt.time(21), ZoneInfo(self.tz))
        return (night - dt.datetime.now(dt.UTC)).total_seconds() / 3600
