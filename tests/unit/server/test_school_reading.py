"""What the Espaces show: lessons of a week, homework, marks and their averages, periods."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.storage import homework, marks, periods, timetable
from pronote_server.storage.marks import Mark, average_hundredths
from tests.unit.server.small_school import small_school

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

FIRST = date(2026, 8, 31)


@pytest.fixture
def base(tmp_path: Path) -> sqlite3.Connection:
    return small_school(tmp_path)


def test_a_class_has_the_lessons_of_the_weeks_of_their_masks(base: sqlite3.Connection) -> None:
    assert periods.first_monday(base) == FIRST
    first = timetable.lessons_of_class(base, 2, FIRST + timedelta(days=3))
    second = timetable.lessons_of_class(base, 2, FIRST + timedelta(days=7))
    assert [(one.course_id, one.day, one.start, one.end, one.teacher, one.room) for one in (*first, *second)] == [
        (3, date(2026, 9, 4), "16:30", "18:00", "CŒUR Paul", "102"),
        (2, date(2026, 9, 7), "08:00", "09:00", "", ""),
    ]


def test_a_teacher_has_the_lessons_of_every_class(base: sqlite3.Connection) -> None:
    lessons = timetable.lessons_of_teacher(base, 2, FIRST)
    assert [(one.class_name, one.subject) for one in lessons] == [("6A", "MATHÉMATIQUES"), ("4B", "MATHÉMATIQUES")]


@pytest.mark.parametrize("day", [date.min + timedelta(days=7), FIRST - timedelta(days=1), date(2199, 1, 1)])
def test_weeks_outside_of_the_year_are_empty(base: sqlite3.Connection, day: date) -> None:
    assert timetable.lessons_of_class(base, 1, day) == ()


def test_homework_is_by_the_day_it_is_due(base: sqlite3.Connection) -> None:
    found = homework.homework_of_class(base, 1, date(2026, 9, 4), date(2026, 9, 7))
    assert [(one.due_date.day, one.content) for one in found] == [(4, "a"), (7, "b")]


MARKS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.integers(1, 10000),
        st.integers(1, 500),
        st.dates(date(2026, 9, 1), date(2027, 7, 5)),
        st.sampled_from(["FRANÇAIS", "ANGLAIS LV1"]),
        st.integers(1, 3),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    return small_school(tmp_path_factory.mktemp("marks"))


@given(MARKS, st.dates(date(2026, 8, 1), date(2027, 8, 1)), st.integers(-5, 200))
def test_marks_are_the_pupils_own_of_those_days(
    shared: sqlite3.Connection, entered: list[tuple[int, int, int, date, str, int]], first: date, days: int
) -> None:
    shared.execute("DELETE FROM marks")
    shared.executemany(
        "INSERT INTO marks (value_hundredths, out_of_hundredths, coefficient_hundredths, given_date, subject, pupil_id)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(value, out_of, weight, day.isoformat(), *rest) for value, out_of, weight, day, *rest in entered],
    )
    last = first + timedelta(days=days)
    found = marks.marks_of_pupil(shared, 1, first, last)
    wanted = sorted(
        (subject, day, value) for value, _, _, day, subject, pupil in entered if pupil == 1 and first <= day <= last
    )
    assert sorted((m.subject, m.given_date, m.value_hundredths) for one in found for m in one.marks) == wanted
    assert [one.subject for one in found] == sorted({subject for subject, _, _ in wanted})


def _mark(value: int, out_of: int, coefficient: int) -> Mark:
    return Mark(1, "", FIRST, value, out_of, coefficient)


def test_averages_are_weighted_and_out_of_twenty() -> None:
    assert average_hundredths([]) is None
    assert average_hundredths([_mark(1000, 2000, 100), _mark(1000, 1000, 300)]) == 1750
    assert average_hundredths([_mark(1, 300, 100)]) == 7
    assert average_hundredths([_mark(1201, 2000, 100), _mark(1200, 2000, 100)]) == 1201


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 4000), st.integers(1, 900)), min_size=1, max_size=9))
def test_an_average_is_the_exact_one_rounded(rows: list[tuple[int, int, int]]) -> None:
    exact = sum(Fraction(v * c * 2000, o) for v, o, c in rows) / sum(c for _, _, c in rows)
    assert abs((average_hundredths(_mark(*row) for row in rows) or 0) - exact) <= Fraction(1, 2)


def test_a_base_without_periods_has_three_trimesters(base: sqlite3.Connection) -> None:
    found = periods.periods(base)
    assert [one.id for one in found] == [1, 2, 3]
    assert (found[0].first_date, found[-1].last_date) == periods.school_days(base)
    assert all(b.first_date - a.last_date == timedelta(days=1) for a, b in pairwise(found))
    assert periods.current(found, date(2026, 11, 26)).id == 1
    assert [periods.current(found, day).id for day in (date(2026, 1, 1), date(2028, 1, 1))] == [1, 3]


def test_a_base_says_when_its_year_begins_and_what_its_periods_are(base: sqlite3.Connection) -> None:
    base.execute("INSERT INTO calendar VALUES (1, '2026-08-18', '2027-07-02')")
    base.execute("INSERT INTO periods VALUES (7, 'Semestre 1', '2026-08-18', '2027-01-31')")
    assert periods.first_monday(base) == date(2026, 8, 17)
    assert [one.name for one in periods.periods(base)] == ["Semestre 1"]
