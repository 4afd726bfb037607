"""The timetable (emploi du temps), a week at a time: functions of an open connection, run in the base's threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from pronote_server.storage import espace_statements
from pronote_server.storage.identities import display_name
from pronote_server.storage.periods import first_monday, monday_of

if TYPE_CHECKING:
    import sqlite3

WEEKS: Final = 63
"""Weeks of a mask: SQLite's integers have a sign."""


@dataclass(frozen=True)
class Lesson:
    """A course as it takes place on a day.

    Attributes:
        course_id: Row of the course; the same in each week.
        start: Such as `08:00`; so is `end`.
        minutes: Length.
        teacher: Empty when nobody is named.
        room: Empty when none is named.
    """

    course_id: int
    day: date
    start: str
    end: str
    minutes: int
    subject: str
    teacher: str
    class_name: str
    room: str


def lessons_of_class(connection: sqlite3.Connection, class_id: int, day: date) -> tuple[Lesson, ...]:
    """Return a class's lessons in the week of a day, in their order."""
    return _lessons(connection, espace_statements.SELECT_COURSES_OF_CLASS, class_id, day)


def lessons_of_teacher(connection: sqlite3.Connection, teacher_id: int, day: date) -> tuple[Lesson, ...]:
    """Return a teacher's lessons in the week of a day, in their order."""
    return _lessons(connection, espace_statements.SELECT_COURSES_OF_TEACHER, teacher_id, day)


def end_of(start: str, minutes: int) -> str:
    """Return when a lesson ends, such as `08:55`."""
    total = int(start[:2]) * 60 + int(start[3:]) + minutes
    return f"{total // 60 % 24:02d}:{total % 60:02d}"


def _lessons(connection: sqlite3.Connection, select: str, key: int, day: date) -> tuple[Lesson, ...]:
    monday = monday_of(day)
    week = (monday - first_monday(connection)).days // 7
    if not 0 <= week < WEEKS:
        return ()
    return tuple(
        Lesson(
            course_id=course_id,
            day=monday + timedelta(days=weekday - 1),
            start=start,
            end=end_of(start, minutes),
            minutes=minutes,
            subject=subject,
            teacher="" if last is None else display_name(last, first),
            class_name=class_name,
            room=room,
        )
        for course_id, weekday, start, minutes, subject, last, first, class_name, room in connection.execute(
            select, {"id": key, "week": week}
        )
    )
