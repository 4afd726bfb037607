"""Functions of the school's data: timetable, homework, marks; of the visitor's own child only."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from pronote_server.storage import periods
from pronote_server.web.functions.call import typed, written_date, written_list
from pronote_server.web.protocol import ErrorCode, ProtocolError
from pronote_server.web.school_reader import NotShown, Visitor, decimal, overall_average

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pronote_server.storage.homework import Homework
    from pronote_server.storage.marks import Mark, SubjectMarks
    from pronote_server.storage.periods import Period
    from pronote_server.storage.timetable import Lesson
    from pronote_server.web.functions.call import Call, Function

MAX_WEEK: Final = 63
"""Last week of a school year that can be asked for."""

LESSON_CONTENTS: Final = 89
"""Tab of what was done in lessons; 88 is the one of homework."""

SUBJECT, TEACHER, ROOM, CLASS = 16, 3, 17, 1
"""Kinds (`G`) of what a lesson contains."""

HOMEWORK_COLOUR: Final = "#C0C0C0"
"""Clients want a background for every subject."""


def pupil_reference(pupil_id: int) -> str:
    """Return what names a pupil in messages (`N`)."""
    return f"P{pupil_id}"


def period_reference(period_id: int) -> str:
    """Return what names a period in messages (`N`)."""
    return f"T{period_id}"


def _shown(function: Callable[[Call, Visitor], Awaitable[dict[str, Any]]]) -> Function:
    """Hand a function its visitor, and refuse what the Espace does not show."""

    async def call_it(call: Call) -> dict[str, Any]:
        visitor = call.visitor
        try:
            return await function(call, visitor)
        except NotShown:
            raise ProtocolError(ErrorCode.ACCESS_REFUSED) from None

    return call_it


async def _timetable(call: Call, visitor: Visitor) -> dict[str, Any]:
    """Give the lessons of a week, counted from the first of the year."""
    week = call.data.get("NumeroSemaine", call.data.get("numeroSemaine"))
    if not isinstance(week, int) or isinstance(week, bool):
        raise ProtocolError(ErrorCode.ACCESS_REFUSED)
    if not 1 <= week <= MAX_WEEK:
        return {"ListeCours": []}
    monday = await call.instance.base().read(periods.first_monday) + timedelta(weeks=week - 1)
    pupil_id = None if visitor.teacher_id is not None else _pupil(call)
    lessons = await visitor.week(pupil_id, monday)
    return {"ListeCours": [_lesson(lesson, visitor) for lesson in lessons]}


async def _homework(call: Call, visitor: Visitor) -> dict[str, Any]:
    """Give the homework of some weeks; what was done in lessons is not kept."""
    visitor.child(_pupil(call))
    if call.signature.get("onglet") == LESSON_CONTENTS:
        return {"ListeCahierDeTextes": written_list([])}
    first, last = _weeks(call.data.get("domaine"))
    monday = await call.instance.base().read(periods.first_monday)
    found = await visitor.homework(
        _pupil(call), monday + timedelta(weeks=first - 1), monday + timedelta(weeks=last, days=-1)
    )
    return {"ListeTravauxAFaire": written_list([_homework_item(one) for one in found])}


async def _marks(call: Call, visitor: Visitor) -> dict[str, Any]:
    """Give the marks of a period and their averages."""
    pupil_id = _pupil(call)
    visitor.child(pupil_id)
    wanted = _reference(call.data.get("Periode", call.data.get("periode")))
    period = next((one for one in await visitor.periods() if period_reference(one.id) == wanted), None)
    if period is None:
        raise ProtocolError(ErrorCode.FOREIGN_OBJECT)
    subjects = await visitor.marks(pupil_id, period)
    overall = overall_average(subjects)
    found: dict[str, Any] = {
        "listeDevoirs": written_list([_mark(mark, subject, period) for subject in subjects for mark in subject.marks]),
        "listeServices": written_list([_average(subject) for subject in subjects]),
    }
    return found if overall is None else {**found, "moyGenerale": typed(10, decimal(overall))}


page_emploi_du_temps = _shown(_timetable)
page_cahier_de_texte = _shown(_homework)
dernieres_notes = _shown(_marks)


def _pupil(call: Call) -> int | None:
    """Return the pupil that is asked for: the member of the signature, else the resource; None when neither is.

    Raises:
        NotShown: It is no pupil.
    """
    member = call.signature.get("membre") or call.data.get("ressource") or call.data.get("Ressource")
    if member is None:
        return None
    found = re.fullmatch(r"P([0-9]{1,18})", _reference(member) or "")
    if found is None:
        raise NotShown
    return int(found[1])


def _reference(value: object) -> str | None:
    reference = value.get("N") if isinstance(value, dict) else None
    return reference if isinstance(reference, str) else None


def _weeks(domain: object) -> tuple[int, int]:
    text = domain.get("V") if isinstance(domain, dict) else None
    found = re.fullmatch(r"\[(-?[0-9]{1,4})(?:\.\.(-?[0-9]{1,4}))?\]", text) if isinstance(text, str) else None
    if found is None:
        raise ProtocolError(ErrorCode.ACCESS_REFUSED)
    first, last = int(found[1]), int(found[2] or found[1])
    return max(first, 1), min(last, MAX_WEEK)


def _lesson(lesson: Lesson, visitor: Visitor) -> dict[str, Any]:
    contents = [{"G": SUBJECT, "L": lesson.subject, "N": f"M{lesson.subject}"}]
    if lesson.teacher and visitor.teacher_id is None:
        contents.append({"G": TEACHER, "L": lesson.teacher})
    if visitor.teacher_id is not None:
        contents.append({"G": CLASS, "L": lesson.class_name})
    if lesson.room:
        contents.append({"G": ROOM, "L": lesson.room})
    return {
        "N": f"C{lesson.course_id}-{lesson.day.isoformat()}",
        "P": 0,
        "DateDuCours": _instant(lesson.day, lesson.start),
        "DateDuCoursFin": _instant(lesson.day, lesson.end),
        "ListeContenus": written_list(contents),
    }


def _instant(day: date, clock: str) -> dict[str, Any]:
    return typed(7, f"{day:%d/%m/%Y} {clock}:00")


def _homework_item(one: Homework) -> dict[str, Any]:
    return {
        "N": f"D{one.id}",
        # Clients read HTML here.
        "descriptif": typed(21, f"<div>{html.escape(one.content)}</div>"),
        "PourLe": written_date(one.due_date),
        "DonneLe": written_date(one.given_date),
        "TAFFait": False,
        "CouleurFond": HOMEWORK_COLOUR,
        "Matiere": typed(24, _subject(one.subject)),
        "ListePieceJointe": written_list([]),
    }


def _subject(name: str) -> dict[str, Any]:
    return {"N": f"M{name}", "L": name}


def _mark(mark: Mark, subject: SubjectMarks, period: Period) -> dict[str, Any]:
    return {
        "N": f"N{mark.id}",
        "note": typed(10, decimal(mark.value_hundredths)),
        "bareme": typed(10, decimal(mark.out_of_hundredths)),
        "baremeParDefaut": typed(10, "20"),
        "date": written_date(mark.given_date),
        "service": typed(24, _subject(subject.subject)),
        "periode": typed(24, {"N": period_reference(period.id), "L": period.name}),
        "coefficient": mark.coefficient_hundredths / 100,
        "commentaire": "",
    }


def _average(subject: SubjectMarks) -> dict[str, Any]:
    # Averages of the class are not given: empty texts are what clients show as nothing.
    nothing = typed(10, "")
    return {
        **_subject(subject.subject),
        "moyEleve": typed(10, decimal(subject.average_hundredths)),
        "baremeMoyEleve": typed(10, "20"),
        "baremeMoyEleveParDefault": typed(10, "20"),
        "moyClasse": nothing,
        "moyMin": nothing,
        "moyMax": nothing,
    }
