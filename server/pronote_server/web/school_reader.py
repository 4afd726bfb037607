"""What an Espace shows of the school, for the person who is there and nobody else's children."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pronote_server.espaces import Espace
from pronote_server.storage import homework, identities, marks, periods, timetable

if TYPE_CHECKING:
    from pronote_server.instance import Instance
    from pronote_server.sessions import Session
    from pronote_server.storage.database import Database
    from pronote_server.storage.homework import Homework
    from pronote_server.storage.identities import Child, Identity
    from pronote_server.storage.marks import SubjectMarks
    from pronote_server.storage.periods import Period
    from pronote_server.storage.timetable import Lesson

PUPIL_ESPACES: Final = frozenset({Espace.ELEVES, Espace.PARENTS})
"""Where a pupil's timetable, homework and marks are shown."""

TEACHER_ESPACES: Final = frozenset({Espace.PROFESSEURS})
"""Where a teacher's own timetable is shown."""

MAX_HOMEWORK_DAYS: Final = 400
"""Days of homework that are read at once: a school year and some."""


class NotShown(Exception):  # noqa: N818 - an answer, not a fault
    """This Espace does not show that, or not of that child."""


@dataclass(frozen=True)
class Visitor:
    """Who is in which Espace."""

    base: Database
    espace: Espace
    identity: Identity

    def child(self, pupil_id: int | None) -> Child:
        """Return a child of the visitor's own: the one that is asked for, or the first.

        Raises:
            NotShown: It is not the visitor's, or the Espace is not one of pupils.
        """
        if self.espace not in PUPIL_ESPACES:
            raise NotShown
        for child in self.identity.children:
            if pupil_id in (None, child.pupil_id):
                return child
        raise NotShown

    @property
    def teacher_id(self) -> int | None:
        """The teacher whose timetable the Espace shows."""
        return self.identity.teacher_id if self.espace in TEACHER_ESPACES else None

    async def week(self, pupil_id: int | None, day: date) -> tuple[Lesson, ...]:
        """Return the lessons of the week of a day: the teacher's own, or a child's.

        Raises:
            NotShown: As `child`.
        """
        if self.teacher_id is not None:
            if pupil_id is not None:
                raise NotShown
            return await self.base.read(timetable.lessons_of_teacher, self.teacher_id, day)
        return await self.base.read(timetable.lessons_of_class, self.child(pupil_id).class_id, day)

    async def homework(self, pupil_id: int | None, first: date, last: date) -> tuple[Homework, ...]:
        """Return a child's homework from one day to another, `MAX_HOMEWORK_DAYS` at most.

        Raises:
            NotShown: As `child`.
        """
        last = min(last, first + timedelta(days=MAX_HOMEWORK_DAYS))
        return await self.base.read(homework.homework_of_class, self.child(pupil_id).class_id, first, last)

    async def marks(self, pupil_id: int | None, period: Period) -> tuple[SubjectMarks, ...]:
        """Return a child's marks of a period.

        Raises:
            NotShown: As `child`.
        """
        child = self.child(pupil_id)
        return await self.base.read(marks.marks_of_pupil, child.pupil_id, period.first_date, period.last_date)

    async def periods(self) -> tuple[Period, ...]:
        """Return the periods of marks."""
        return await self.base.read(periods.periods)


async def visitor_of(instance: Instance, session: Session) -> Visitor | None:
    """Return who has a session; None when the user is no more, or may not come into the Espace any more."""
    user_id, espace = session.person.user_id, session.espace
    if user_id is None or espace is None:
        return None
    identity = await instance.base().read(identities.identity_of, user_id)
    if identity is None or identity.locked or espace not in identity.espaces:
        return None
    return Visitor(instance.base(), espace, identity)


def today(instance: Instance) -> date:
    """Return the date at the school."""
    try:
        zone = ZoneInfo(instance.settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("Europe/Paris")
    return datetime.now(zone).date()


def decimal(hundredths: int) -> str:
    """Write hundredths as people in France do: `12`, `12,5`, `12,25`."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole},{rest:02d}".rstrip("0") if rest else str(whole)


def overall_average(subjects: tuple[SubjectMarks, ...]) -> int | None:
    """Return the average of the subjects' averages, in hundredths; every subject counts once."""
    return round(sum(one.average_hundredths for one in subjects) / len(subjects)) if subjects else None
