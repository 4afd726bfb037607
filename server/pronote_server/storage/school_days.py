"""The frame of a school year: its days, and the hours of a day. A function of an open connection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pronote_server.storage import statements

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True)
class SchoolDays:
    """The frame of a school year.

    Attributes:
        starts: Minutes after midnight at which the places of a day begin.
        slot_minutes: Length of a place.
    """

    first_day: date
    last_day: date
    starts: tuple[int, ...]
    slot_minutes: int

    @property
    def first_monday(self) -> date:
        """The Monday of the first week, from which weeks are numbered."""
        return self.first_day - timedelta(days=self.first_day.weekday())

    @property
    def ends(self) -> tuple[int, ...]:
        """Minutes after midnight at which the places of a day end."""
        return tuple(start + self.slot_minutes for start in self.starts)


def read_school_days(connection: sqlite3.Connection) -> SchoolDays:
    """Return the frame of the base's year: from September to July."""
    year, slot, start, end = connection.execute(statements.SELECT_GRID).fetchone()
    starts = tuple(range(_minutes(start), _minutes(end), slot))
    return SchoolDays(date(year, 9, 1), date(year + 1, 7, 5), starts, slot)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
