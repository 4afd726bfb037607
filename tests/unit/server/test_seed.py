"""A made-up school: no clash in its timetable, classes of at most 30, the same seed the same school."""

from __future__ import annotations

from collections import Counter
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_server.seed.accounts import user_names
from pronote_server.seed.placing import TooManyLessons, place
from pronote_server.seed.plan import Grid, School, class_names, make_school
from pronote_server.storage.identities import PersonKind

GRID = Grid(date(2026, 9, 1), date(2027, 7, 5), tuple(range(480, 1080, 60)), 60)
UNTIL = date(2026, 10, 2)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40), st.integers(0, 99))
def test_as_few_places_as_the_busiest_has_lessons_are_enough(lessons: list[tuple[int, int]], seed: int) -> None:
    busiest = max([0, *Counter(c for c, _ in lessons).values(), *Counter(t for _, t in lessons).values()])
    places = place(lessons, busiest, Random(seed))
    assert all(0 <= one < busiest for one in places)
    for end in (0, 1):
        taken = [(lesson[end], one) for lesson, one in zip(lessons, places, strict=True)]
        assert len(set(taken)) == len(taken)


def test_more_lessons_than_places_are_refused() -> None:
    with pytest.raises(TooManyLessons):
        place([(0, 0), (0, 1)], 1, Random(1))


@pytest.fixture(scope="module")
def school() -> School:
    return make_school(1, 300, GRID, UNTIL)


@pytest.mark.parametrize("who", ["teacher", "class_name", "room"])
def test_nobody_and_no_room_is_taken_twice(school: School, who: str) -> None:
    taken = [(getattr(one, who), one.weekday, one.start) for one in school.courses]
    assert len(set(taken)) == len(taken)
    assert {(one.weekday, one.start) for one in school.courses} <= set(GRID.places)


def test_the_same_seed_gives_the_same_school(school: School) -> None:
    assert make_school(1, 300, GRID, UNTIL) == school
    assert make_school(2, 300, GRID, UNTIL) != school


def test_brothers_and_sisters_share_guardians_and_no_class(school: School) -> None:
    families = Counter(guardian for pupil in school.pupils for guardian, _ in pupil.guardians)
    assert max(families.values()) in (2, 3)
    for person in families:
        classes = [one.class_name for one in school.pupils if person in [number for number, _ in one.guardians]]
        assert len(set(classes)) == len(classes)


def test_there_are_as_many_teachers_as_in_a_real_school(school: School) -> None:
    teachers = sum(one.kind is PersonKind.TEACHER for one in school.people)
    assert 300 / 18 <= teachers <= 300 / 10


def test_marks_and_homework_are_in_order_and_of_days_so_far(school: School) -> None:
    for days in ([mark[2] for mark in school.marks], [one[2] for one in school.homework]):
        assert days == sorted(days)
        assert date(2026, 9, 1) <= days[0] <= days[-1] <= UNTIL
    assert all(0 <= value <= out_of for _, _, _, value, out_of, _ in school.marks)
    assert all(given < due for _, _, given, due, _ in school.homework)


@given(st.integers(4, 3000))
@settings(max_examples=30)
def test_no_class_has_more_than_thirty_pupils(pupils: int) -> None:
    sizes = Counter(class_names(pupils))
    assert max(sizes.values()) <= 30
    assert {name[0] for name in sizes} == {"6", "5", "4", "3"}


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=50)), max_size=20))
def test_user_names_differ_and_are_plain(people: list[tuple[str, str]]) -> None:
    names = user_names(people)
    assert len(set(names)) == len(people)
    assert all(name.isascii() and 1 <= len(name) <= 64 for name in names)
