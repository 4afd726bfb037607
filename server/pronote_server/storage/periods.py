"""The frame of a school year: its first and last day, and the periods of marks. Functions of an open connection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pronote_server.storage import espace_statements, statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


@dataclass(frozen=True)
class Period:
    """A period of marks; both dates are part of it."""

    id: int
    name: str
    first_date: date
    last_date: date


def school_days(connection: sqlite3.Connection) -> tuple[date, date]:
    """Return the first and the last day of the base's year: what it says, else 1 September and 5 July."""
    row = connection.execute(espace_statements.SELECT_CALENDAR).fetchone()
    if row is not None:
        return date.fromisoformat(row[0]), date.fromisoformat(row[1])
    year = _school_year(connection)
    return date(year, 9, 1), date(year + 1, 7, 5)


def first_monday(connection: sqlite3.Connection) -> date:
    """Return the Monday of the week in which the year begins: week 0 of the timetable's masks."""
    return monday_of(school_days(connection)[0])


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def periods(connection: sqlite3.Connection) -> tuple[Period, ...]:
    """Return the periods in the order of their dates: what the base says, else three trimesters of the usual length."""
    rows = connection.execute(espace_statements.SELECT_PERIODS).fetchall()
    if rows:
        return tuple(
            Period(key, name, date.fromisoformat(first), date.fromisoformat(last)) for key, name, first, last in rows
        )
    return trimesters(*school_days(connection))


def trimesters(first_day: date, last_day: date) -> tuple[Period, ...]:
    """Cut a school year into three periods of 30, 34 and 36 % of its days: early in December, in mid-March."""
    days = (last_day - first_day).days
    second, third = first_day + timedelta(days=days * 30 // 100), first_day + timedelta(days=days * 64 // 100)
    return (
        Period(1, "Trimestre 1", first_day, second - timedelta(days=1)),
        Period(2, "Trimestre 2", second, third - timedelta(days=1)),
        Period(3, "Trimestre 3", third, last_day),
    )


def current(every: Sequence[Period], today: date) -> Period:
    """Return the period of a day; before the first one the first, after it the last that has begun."""
    return next((period for period in reversed(every) if period.first_date <= today), every[0])


def _school_year(connection: sqlite3.Connection) -> int:
    return int(connection.execute(statements.SELECT_GRID).fetchone()[0])
