"""The hours of a school day (grille horaire): a function of an open connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronote_server.storage import statements

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True)
class Grid:
    """The hours of a day.

    Attributes:
        starts: Minutes after midnight at which the places of a day begin.
        slot_minutes: Length of a place.
    """

    starts: tuple[int, ...]
    slot_minutes: int

    @property
    def ends(self) -> tuple[int, ...]:
        """Minutes after midnight at which the places of a day end."""
        return tuple(start + self.slot_minutes for start in self.starts)


def read_grid(connection: sqlite3.Connection) -> Grid:
    """Return the hours that the base was made with."""
    _, slot, start, end = connection.execute(statements.SELECT_GRID).fetchone()
    return Grid(tuple(range(_minutes(start), _minutes(end), slot)), slot)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
