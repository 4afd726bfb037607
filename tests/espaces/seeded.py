"""The made-up school of `pronote-server seed`: who visits it, and what they are to read.

The same numbers give the same school, so that it is known here without asking the base. Only the passwords are new in
each base: the command's file tells them.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pronote_server.seed.plan import Course, Grid, School, make_school
from pronote_server.storage.identities import PersonKind, display_name
from tests.espaces.site import Hosting, Record, Site, Visitor
from tests.support.cas_accounts import GUARDIAN, PUPIL, TEACHER, CasAccount, person

NUMBER, PUPILS = 1, 24

DAY_START, DAY_END, SLOT_MINUTES = 8 * 60, 18 * 60, 60
"""The day of the tests' bases, minutes after midnight."""

WEEK = 4
"""Of the school year, the first being 0: it has lessons on every day."""

CATEGORIES = {"Eleves": PUPIL, "Parents": GUARDIAN, "Professeurs": TEACHER}


@dataclass(frozen=True)
class Seeded:
    """The school in a base of some year.

    Args:
        year: the base's school year.
        each: at most so many accounts of each kind of person.
    """

    year: int
    each: int = 12

    @property
    def monday(self) -> date:
        """Of the week whose lessons are read."""
        first = date(self.year, 9, 1)
        return first - timedelta(days=first.weekday()) + timedelta(weeks=WEEK)

    @property
    def until(self) -> date:
        """The last day of homework and marks: in the first period, whenever the tests run."""
        return self.monday + timedelta(days=11)

    def command(self, file: str) -> tuple[str, ...]:
        """What is run in the server's container; the accounts are told in a new file there."""
        numbers = ("--seed", str(NUMBER), "--pupils", str(PUPILS), "--accounts-for", str(self.each))
        return ("pronote-server", "seed", *numbers, "--until", self.until.isoformat(), "--accounts", file)

    def made(self) -> School:
        """The school."""
        starts = tuple(range(DAY_START, DAY_END - SLOT_MINUTES + 1, SLOT_MINUTES))
        grid = Grid(date(self.year, 9, 1), date(self.year + 1, 7, 5), starts, SLOT_MINUTES)
        return make_school(NUMBER, PUPILS, grid, self.until)


def read_accounts(text: str) -> list[Visitor]:
    """Everybody of whom the command's file tells."""
    rows = csv.DictReader(text.splitlines())
    return [Visitor(row["espace"], row["username"], row["password"], row["displayName"]) for row in rows]


def seeded_site(url: str, seeded: Seeded, accounts: str, hosting: Hosting) -> Site:
    """The site of a base that was seeded so.

    Args:
        url: under which the pages are.
        accounts: content of the command's file.
    """
    made = seeded.made()
    known = _alone(read_accounts(accounts))
    families = _families(made)

    def first(espace: str, fits: Callable[[str], bool] = lambda _: True) -> Visitor:
        return next(one for one in known if one.espace == espace and fits(one.name))

    guardian = first("Parents", lambda name: len(families.get(name, ())) > 1)
    pupil, teacher = first("Eleves"), first("Professeurs")
    children = families[guardian.name]
    records = {name: _pupils_record(made, name, seeded.monday) for name in (pupil.name, *children)}
    return Site(
        url=url,
        pupil=_with_ent(pupil),
        guardian=_with_ent(guardian, children),
        teacher=_with_ent(teacher),
        staff=first("Direction"),
        records={**records, teacher.name: _teachers_record(made, teacher.name, seeded.monday)},
        monday=seeded.monday,
        hosting=hosting,
    )


def ent_accounts(site: Site) -> list[CasAccount]:
    """The same people in an ENT, which tells their names and what they are."""

    def account(visitor: Visitor) -> CasAccount:
        last_name, _, first_name = visitor.name.partition(" ")  # those of the made-up school are one word each
        return person(visitor.ent, last_name, first_name, CATEGORIES[visitor.espace])

    return [account(one) for one in (site.pupil, site.guardian, site.teacher)]


def _alone(visitors: Iterable[Visitor]) -> list[Visitor]:
    """Those who share their name with nobody: an ENT that tells of nothing else can name only them."""
    there = list(visitors)
    times = Counter(one.name for one in there)
    return [one for one in there if times[one.name] == 1]


def _with_ent(visitor: Visitor, children: tuple[str, ...] = ()) -> Visitor:
    return Visitor(
        visitor.espace, visitor.username, visitor.password, visitor.name, children, ent=f"ent.{visitor.username}"
    )


def _families(made: School) -> Mapping[str, tuple[str, ...]]:
    """Names of the children, the eldest first, by that of their guardian."""
    found: dict[str, list[str]] = {}
    for pupil in sorted(made.pupils, key=lambda one: one.birth_date):
        for number, _ in pupil.guardians:
            guardian = made.people[number]
            name = display_name(guardian.last_name, guardian.first_name)
            found.setdefault(name, []).append(display_name(pupil.last_name, pupil.first_name))
    return {name: tuple(children) for name, children in found.items()}


def _pupils_record(made: School, name: str, monday: date) -> Record:
    (number,) = (
        number for number, one in enumerate(made.pupils) if display_name(one.last_name, one.first_name) == name
    )
    class_name = made.pupils[number].class_name
    return Record(
        lessons=_lessons((course for course in made.courses if course.class_name == class_name), monday),
        class_name=class_name,
        homework=tuple(sorted((due, subject) for of, subject, _, due, _ in made.homework if of == class_name)),
        marks=tuple(sorted((day, subject) for of, subject, day, *_ in made.marks if of == number)),
    )


def _teachers_record(made: School, name: str, monday: date) -> Record:
    (number,) = (
        number
        for number, one in enumerate(made.people)
        if one.kind is PersonKind.TEACHER and display_name(one.last_name, one.first_name) == name
    )
    return Record(_lessons((course for course in made.courses if course.teacher == number), monday))


def _lessons(courses: Iterable[Course], monday: date) -> tuple[tuple[datetime, str], ...]:
    def begins(course: Course) -> datetime:
        day = monday + timedelta(days=course.weekday - 1)
        return datetime.combine(day, time(course.start // 60, course.start % 60))

    return tuple(sorted((begins(course), course.subject) for course in courses if course.weeks >> WEEK & 1))
