"""Marks (notes) and their averages: functions of an open connection, run in the base's threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from pronote_server.storage import espace_statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

FIRST_WEEK: Final = date(2000, 1, 3)
"""The Monday from which the column `week` counts (see the schema)."""

OUT_OF: Final = 20
"""What averages are out of."""


@dataclass(frozen=True)
class Mark:
    """One mark; numbers are hundredths, so that 12.25 of 20 is exact."""

    id: int
    subject: str
    given_date: date
    value_hundredths: int
    out_of_hundredths: int
    coefficient_hundredths: int


@dataclass(frozen=True)
class SubjectMarks:
    """A pupil's marks in a subject, in the order of their dates.

    Attributes:
        average_hundredths: Average out of 20, in hundredths.
    """

    subject: str
    marks: tuple[Mark, ...]
    average_hundredths: int


def marks_of_pupil(connection: sqlite3.Connection, pupil_id: int, first: date, last: date) -> tuple[SubjectMarks, ...]:
    """Return a pupil's marks from one day to another, both included, by subject in the order of names."""
    if last < first:
        return ()
    rows = connection.execute(
        espace_statements.SELECT_MARKS,
        {
            "pupil": pupil_id,
            "first": first.isoformat(),
            "last": last.isoformat(),
            "first_week": week_of(first),
            "last_week": week_of(last),
        },
    )
    by_subject: dict[str, list[Mark]] = {}
    for key, subject, given, value, out_of, coefficient in rows:
        mark = Mark(key, subject, date.fromisoformat(given), value, out_of, coefficient)
        by_subject.setdefault(subject, []).append(mark)
    return tuple(
        SubjectMarks(subject, tuple(marks), average_hundredths(marks) or 0)
        for subject, marks in sorted(by_subject.items())
    )


def average_hundredths(marks: Iterable[Mark]) -> int | None:
    """Return the average out of 20 by coefficients, in hundredths, a half rounded up; None without marks."""
    weighted, weights = Fraction(0), 0
    for mark in marks:
        share = Fraction(mark.value_hundredths, mark.out_of_hundredths)
        weighted += share * mark.coefficient_hundredths
        weights += mark.coefficient_hundredths
    if not weights:
        return None
    exact = weighted * OUT_OF * 100 / weights
    return int(exact + Fraction(1, 2))


def week_of(day: date) -> int:
    """Return the number of a day's week, as the column `week` has it."""
    return (day - FIRST_WEEK).days // 7
