"""Weeks of a timetable. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pronote_net.school import Lesson, Timetable

SCHOOL_DAYS: Final = 5
"""Shown in any case; Saturday and Sunday only when there are lessons."""


@dataclass(frozen=True)
class Row:
    """The lessons that begin at one time.

    Attributes:
        start: Such as `08:00`.
        cells: For each day.
    """

    start: str
    cells: tuple[tuple[Lesson, ...], ...]


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def wanted_monday(text: str, today: date) -> date:
    """Return the Monday that a query names; this week's when it names no day of a year near this one."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    return monday_of(day if abs((day - today).days) <= 800 else today)


def table(timetable: Timetable, monday: date) -> tuple[list[date], list[Row]]:
    """Return the days of a timetable's columns, and its rows."""
    lessons = {day.date: day.lessons for day in timetable.days}
    week = [monday + timedelta(days=number) for number in range(7)]
    shown = max([number for number, day in enumerate(week) if lessons.get(day)], default=0) + 1
    days = week[: max(shown, SCHOOL_DAYS)]
    starts = sorted({lesson.start for day in days for lesson in lessons.get(day, ())})
    rows = [
        Row(start, tuple(tuple(one for one in lessons.get(day, ()) if one.start == start) for day in days))
        for start in starts
    ]
    return days, rows
