"""What the pages in a browser show of the school: timetable, homework, marks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from pronote_server.answers import Json
from pronote_server.errors import Refusal
from pronote_server.storage.periods import current, monday_of
from pronote_server.web.browser_sessions import visiting
from pronote_server.web.school_reader import NotShown, decimal, today

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pronote_server.instance import Instance
    from pronote_server.storage.marks import Mark
    from pronote_server.storage.timetable import Lesson

SCHOOL_DAYS: Final = 5
"""Days that a week shows in any case; Saturday and Sunday where there are lessons."""

HOMEWORK_DAYS: Final = 14
"""Days of homework that are shown when none are asked for."""


def school_page_routes(instance: Instance) -> list[Route]:
    """Return the routes of the school's data."""

    async def timetable(request: Request) -> Response:
        visitor = await visiting(instance, request)
        monday = monday_of(_date(request, "monday", today(instance)))
        lessons = await visitor.week(_child(request), monday)
        return Json({"days": [_day(day, lessons) for day in _days(monday, lessons)]})

    async def homework(request: Request) -> Response:
        visitor = await visiting(instance, request)
        first = _date(request, "from", today(instance))
        last = _date(request, "to", first + timedelta(days=HOMEWORK_DAYS))
        found = await visitor.homework(_child(request), first, last)
        return Json(
            {
                "homework": [
                    {
                        "dueDate": one.due_date.isoformat(),
                        "givenDate": one.given_date.isoformat(),
                        "subject": one.subject,
                        "content": one.content,
                    }
                    for one in found
                ]
            }
        )

    async def marks(request: Request) -> Response:
        visitor = await visiting(instance, request)
        every = await visitor.periods()
        number = _number(request, "period")
        present = current(every, today(instance))
        chosen = present if number is None else next((one for one in every if one.id == number), None)
        if chosen is None:
            raise Refusal(404, "NotFound", "There is no such period.")
        found = await visitor.marks(_child(request), chosen)
        return Json(
            {
                "periods": [{"id": one.id, "name": one.name, "current": one is chosen} for one in every],
                "subjects": [
                    {
                        "subject": one.subject,
                        "average": decimal(one.average_hundredths),
                        "marks": [_mark(mark) for mark in one.marks],
                    }
                    for one in found
                ],
            }
        )

    return [
        Route("/net/v1/timetable", timetable, methods=["GET"]),
        Route("/net/v1/homework", homework, methods=["GET"]),
        Route("/net/v1/marks", marks, methods=["GET"]),
    ]


async def on_not_shown(_request: Request, _error: Exception) -> Response:
    """Answer `NotShown`: what one may not see is as if it were not there."""
    return Json({"reason": "NotFound", "message": "This Espace does not show that."}, status_code=404)


def _days(monday: date, lessons: tuple[Lesson, ...]) -> list[date]:
    last = max((lesson.day.weekday() for lesson in lessons), default=0)
    return [monday + timedelta(days=number) for number in range(max(SCHOOL_DAYS, last + 1))]


def _day(day: date, lessons: tuple[Lesson, ...]) -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        "lessons": [
            {
                "start": lesson.start,
                "end": lesson.end,
                "subject": lesson.subject,
                "teacher": lesson.teacher,
                "className": lesson.class_name,
                "room": lesson.room,
            }
            for lesson in lessons
            if lesson.day == day
        ],
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "date": mark.given_date.isoformat(),
        "value": decimal(mark.value_hundredths),
        "outOf": decimal(mark.out_of_hundredths),
        "coefficient": decimal(mark.coefficient_hundredths),
    }


def _child(request: Request) -> int | None:
    number = _number(request, "child")
    if request.query_params.get("child") and number is None:
        raise NotShown
    return number


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _date(request: Request, name: str, default: date) -> date:
    text = request.query_params.get(name)
    try:
        day = default if not text else date.fromisoformat(text[:10])
    except ValueError:
        raise Refusal(400, "InvalidRequest", f"{name} must be a date such as 2026-11-23.") from None
    if not 1990 <= day.year <= 2199:
        raise Refusal(400, "InvalidRequest", f"{name} must be from 1990 to 2199.")
    return day
