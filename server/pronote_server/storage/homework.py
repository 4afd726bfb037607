"""Homework (cahier de textes): functions of an open connection, run in the base's threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pronote_server.storage import espace_statements

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True)
class Homework:
    """What a class is to do for a day."""

    id: int
    subject: str
    given_date: date
    due_date: date
    content: str


def homework_of_class(connection: sqlite3.Connection, class_id: int, first: date, last: date) -> tuple[Homework, ...]:
    """Return what is due from one day to another, both included, in the order of the days."""
    rows = connection.execute(
        espace_statements.SELECT_HOMEWORK,
        {"class_id": class_id, "first": first.isoformat(), "last": last.isoformat()},
    )
    return tuple(
        Homework(key, subject, date.fromisoformat(given), date.fromisoformat(due), content)
        for key, subject, given, due, content in rows
    )
