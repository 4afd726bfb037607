"""Classes, pupils and absences: functions of an open connection, to be run in the base's threads."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronote_server.storage import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


@dataclass(frozen=True)
class NewPupil:
    """A pupil (élève) to be entered.

    Attributes:
        national_id: National number (INE); no two pupils of a base have the same.
        class_name: Name of the class, which is made when there is none of that name.
    """

    national_id: str
    last_name: str
    first_name: str
    birth_date: date
    class_name: str


@dataclass(frozen=True)
class Pupil:
    """A pupil of the base, as lists show one."""

    id: int
    last_name: str
    first_name: str
    class_name: str


@dataclass(frozen=True)
class NewAbsence:
    """An absence to be entered; times are seconds since 1970 in UTC."""

    pupil: int
    start_time: int
    minutes: int
    reason: str
    recorded_time: int


@dataclass(frozen=True)
class Absence(NewAbsence):
    """An absence of the base. Ids grow, and none is used twice."""

    id: int


class PupilExists(Exception):  # noqa: N818 - an answer, not a fault
    """There is a pupil of that national number already.

    Args:
        position: Place in the sequence, from 0.
    """

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class NoSuchPupil(Exception):  # noqa: N818 - an answer, not a fault
    """There is no pupil of that id."""


def add_pupils(connection: sqlite3.Connection, pupils: Sequence[NewPupil]) -> None:
    """Enter pupils and their classes.

    Raises:
        PupilExists: A national number is in the base already; the caller's transaction undoes the others.
    """
    for position, pupil in enumerate(pupils):
        if connection.execute(statements.SELECT_NATIONAL_ID, (pupil.national_id,)).fetchone() is not None:
            raise PupilExists(position)
        connection.execute(statements.INSERT_CLASS, (pupil.class_name,))
        connection.execute(
            statements.INSERT_PUPIL,
            {
                "national_id": pupil.national_id,
                "last_name": pupil.last_name,
                "first_name": pupil.first_name,
                "birth_date": pupil.birth_date.isoformat(),
                "class_name": pupil.class_name,
            },
        )


def list_pupils(connection: sqlite3.Connection, after: int, limit: int) -> list[Pupil]:
    """Return at most `limit` pupils with an id greater than `after`, by id; -1 is no limit."""
    return [Pupil(*row) for row in connection.execute(statements.SELECT_PUPILS, (after, limit))]


def count_pupils(connection: sqlite3.Connection) -> int:
    """Return how many pupils there are."""
    (count,) = connection.execute(statements.COUNT_PUPILS).fetchone()
    return int(count)


def add_absence(connection: sqlite3.Connection, absence: NewAbsence) -> int:
    """Enter an absence; return its id.

    Raises:
        NoSuchPupil: There is no such pupil.
    """
    values = {
        "pupil": absence.pupil,
        "start_time": absence.start_time,
        "minutes": absence.minutes,
        "reason": absence.reason,
        "recorded_time": absence.recorded_time,
    }
    try:
        absence_id = connection.execute(statements.INSERT_ABSENCE, values).lastrowid
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            raise NoSuchPupil from None
        raise
    if absence_id is None:
        raise sqlite3.DatabaseError("no row was inserted")
    return absence_id


def list_absences(connection: sqlite3.Connection, after: int, limit: int) -> list[Absence]:
    """Return at most `limit` absences with an id greater than `after`, in the order in which they were entered."""
    rows = connection.execute(statements.SELECT_ABSENCES, (after, limit))
    return [
        Absence(pupil, start, minutes, reason, recorded, key) for key, pupil, start, minutes, reason, recorded in rows
    ]


def list_classes(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """Return the classes (row and name), by name."""
    return [(int(key), str(name)) for key, name in connection.execute(statements.SELECT_CLASSES)]
