"""Makes up a school: people, classes, timetable, homework and marks. Pure; the same seed gives the same school."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from pronote_server.seed.placing import place
from pronote_server.seed.words import FIRST_NAMES, LAST_NAMES, RELATIONS, TASKS
from pronote_server.storage.identities import PersonKind

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVELS: Final = ("6", "5", "4", "3")
CLASS_SIZE: Final = 28
"""Pupils of a full class; at most 30 are allowed."""

PUPILS_PER_TEACHER: Final = 14
HOURS_PER_TEACHER: Final = 18
"""Weekly lessons of a teacher (certifiés)."""

HOURS: Final = {
    "FRANCAIS": 4,
    "MATHEMATIQUES": 4,
    "HISTOIRE-GEOGRAPHIE": 3,
    "ANGLAIS LV1": 3,
    "ED.PHYSIQUE & SPORT.": 3,
    "ESPAGNOL LV2": 2,
    "SCIENCES VIE & TERRE": 2,
    "PHYSIQUE-CHIMIE": 2,
    "TECHNOLOGIE": 1,
    "ARTS PLASTIQUES": 1,
    "EDUCATION MUSICALE": 1,
}
"""Weekly lessons of each class: 26."""

HOLIDAY_WEEKS: Final = frozenset({7, 8, 16, 17, 24, 25, 32, 33})
"""Weeks without lessons, counted from the one in which a year begins on 1 September."""

MARK_CHANCE: Final = 0.43
"""That a class is marked in a subject in a week: some 170 marks of a pupil in a year."""

HOMEWORK_CHANCE: Final = 0.45
"""That there is homework after a lesson."""

LUNCH: Final = 12 * 60
WEDNESDAY: Final = 3


@dataclass(frozen=True)
class Grid:
    """The school's week and year.

    Attributes:
        starts: When the lessons of a day begin, minutes after midnight.
        minutes: Length of a lesson.
    """

    first_day: date
    last_day: date
    starts: tuple[int, ...]
    minutes: int

    @property
    def places(self) -> list[tuple[int, int]]:
        """Weekday (1 is Monday) and start of each place of the week: none at noon, none on Wednesday's afternoon."""
        return [
            (weekday, start)
            for weekday in range(1, 6)
            for start in self.starts
            if (start + self.minutes <= LUNCH or (start >= LUNCH + 60 and weekday != WEDNESDAY))
        ]


@dataclass(frozen=True)
class Person:
    """Somebody who is no pupil; `role` is the Espace that suits the person."""

    kind: PersonKind
    last_name: str
    first_name: str
    postal_code: str | None
    role: str


@dataclass(frozen=True)
class Pupil:
    """A pupil, with the places of the guardians among the people and their relation."""

    national_id: str
    last_name: str
    first_name: str
    birth_date: date
    class_name: str
    postal_code: str
    guardians: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Course:
    """A lesson of every school week; `teacher` is a place among the people."""

    weekday: int
    start: int
    subject: str
    teacher: int
    class_name: str
    room: str
    weeks: int


@dataclass
class School:
    """The whole school; marks and homework in the order of the days on which they were given."""

    people: list[Person] = field(default_factory=list)
    pupils: list[Pupil] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)
    marks: list[tuple[int, str, date, int, int, int]] = field(default_factory=list)
    homework: list[tuple[str, str, date, date, str]] = field(default_factory=list)


def make_school(seed: int, pupils: int, grid: Grid, until: date) -> School:
    """Make up a school.

    Args:
        seed: Of the chance.
        pupils: How many.
        grid: The school's week and year.
        until: The last day on which marks and homework are given.
    """
    chance = Random(seed)  # noqa: S311 - an invented school is no secret
    school = School()
    _families(school, chance, pupils, grid.first_day.year)
    _staff(school, chance, pupils)
    classes = sorted({pupil.class_name for pupil in school.pupils})
    _timetable(school, chance, classes, grid, pupils)
    _school_days(school, chance, grid, until)
    return school


def class_names(pupils: int) -> list[str]:
    """Return the class of each pupil, a level after the other so that brothers and sisters are in different ones."""
    per_level = [len(range(level, pupils, len(LEVELS))) for level in range(len(LEVELS))]
    sections = [max(1, math.ceil(count / CLASS_SIZE)) for count in per_level]
    return [
        f"{LEVELS[number % 4]}{chr(ord('A') + number // 4 % sections[number % 4])}"
        if sections[number % 4] <= 26
        else f"{LEVELS[number % 4]}{number // 4 % sections[number % 4] + 1}"
        for number in range(pupils)
    ]


def _families(school: School, chance: Random, pupils: int, year: int) -> None:
    names = class_names(pupils)
    national_ids = chance.sample(range(10**9), pupils)
    while len(school.pupils) < pupils:
        last_name, postal_code = chance.choice(LAST_NAMES), f"99{chance.randrange(100, 120):03d}"
        guardians = []
        for relation in chance.choice((RELATIONS, RELATIONS, RELATIONS, RELATIONS[:1], RELATIONS[1:])):
            name = last_name if relation == "PERE" or chance.random() < 0.6 else chance.choice(LAST_NAMES)
            person = Person(PersonKind.GUARDIAN, name, chance.choice(FIRST_NAMES), postal_code, "Parents")
            guardians.append((len(school.people), relation))
            school.people.append(person)
        for _ in range(chance.choices((1, 2, 3), (65, 30, 5))[0]):
            number = len(school.pupils)
            if number == pupils:
                break
            born = date(year - 11 - number % 4, 1, 1) + timedelta(days=chance.randrange(365))
            school.pupils.append(
                Pupil(
                    f"{national_ids[number]:09d}{chance.choice('ABCDEFGH')}{chance.choice('ABCDEFGH')}",
                    last_name,
                    chance.choice(FIRST_NAMES),
                    born,
                    names[number],
                    postal_code,
                    tuple(guardians),
                )
            )


def _staff(school: School, chance: Random, pupils: int) -> None:
    for role, count in (
        ("Direction", 2),
        ("VieScolaire", 2 + pupils // 120),
        ("Accompagnants", 1 + pupils // 150),
    ):
        for _ in range(count):
            name, first = chance.choice(LAST_NAMES), chance.choice(FIRST_NAMES)
            school.people.append(Person(PersonKind.STAFF, name, first, None, role))


def _timetable(school: School, chance: Random, classes: Sequence[str], grid: Grid, pupils: int) -> None:
    places = grid.places
    # A week with few places has fewer lessons, in every subject alike.
    scale = min(1.0, 0.75 * len(places) / sum(HOURS.values()))
    hours = {subject: max(1, int(count * scale)) for subject, count in HOURS.items()}
    wanted = max(len(hours), pupils // PUPILS_PER_TEACHER)
    lessons: list[tuple[int, int]] = []
    subjects: list[str] = []
    most = min(HOURS_PER_TEACHER, len(places))
    for subject, count in hours.items():
        each = max(1, most // count)
        teachers = max(math.ceil(len(classes) / each), wanted * count // sum(hours.values()), 1)
        first = len(school.people)
        for _ in range(teachers):
            name, given = chance.choice(LAST_NAMES), chance.choice(FIRST_NAMES)
            school.people.append(Person(PersonKind.TEACHER, name, given, None, "Professeurs"))
        for class_number in range(len(classes)):
            lessons += [(class_number, first + class_number % teachers)] * count
            subjects += [subject] * count
    for (class_number, teacher), subject, number in zip(
        lessons, subjects, place(lessons, len(places), chance), strict=True
    ):
        weekday, start = places[number]
        weeks = week_mask(grid, weekday)
        room = f"{101 + class_number}"
        school.courses.append(Course(weekday, start, subject, teacher, classes[class_number], room, weeks))


def week_mask(grid: Grid, weekday: int) -> int:
    """Return in which weeks of the year there are lessons on a weekday."""
    monday = grid.first_day - timedelta(days=grid.first_day.weekday())
    mask = 0
    for week in range(63):
        day = monday + timedelta(days=7 * week + weekday - 1)
        if week not in HOLIDAY_WEEKS and grid.first_day <= day <= grid.last_day:
            mask |= 1 << week
    return mask


def _school_days(school: School, chance: Random, grid: Grid, until: date) -> None:
    monday = grid.first_day - timedelta(days=grid.first_day.weekday())
    members: dict[str, list[int]] = {}
    for number, pupil in enumerate(school.pupils):
        members.setdefault(pupil.class_name, []).append(number)
    talents = [chance.gauss(12.5, 2.5) for _ in school.pupils]
    timetable = sorted(school.courses, key=lambda course: (course.weekday, course.start, course.class_name))
    days_of: dict[tuple[str, str], list[int]] = {}
    for course in timetable:
        days_of.setdefault((course.class_name, course.subject), []).append(course.weekday)
    for week in range(63):
        for course in timetable:
            day = monday + timedelta(days=7 * week + course.weekday - 1)
            if day > until or not course.weeks >> week & 1:
                continue
            days = days_of[course.class_name, course.subject]
            if chance.random() < MARK_CHANCE / len(days):
                out_of, weight = chance.choice((2000, 2000, 2000, 1000)), chance.choice((50, 100, 100, 200))
                for number in members[course.class_name]:
                    points = min(20.0, max(0.0, chance.gauss(talents[number], 2.5)))
                    value = round(points * 4) * 25 * out_of // 2000
                    school.marks.append((number, course.subject, day, value, out_of, weight))
            if chance.random() < HOMEWORK_CHANCE:
                due = day + timedelta(days=min((other - course.weekday - 1) % 7 + 1 for other in days))
                school.homework.append((course.class_name, course.subject, day, due, chance.choice(TASKS)))
