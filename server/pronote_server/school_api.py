"""School data in the Client protocol: pupils and absences."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictInt
from pydantic.alias_generators import to_camel
from starlette.routing import Route

from pronote_server.admission import busy, out_of_service
from pronote_server.answers import Json, printable, read_model
from pronote_server.authentication import session_of
from pronote_server.clock import now_utc, rfc3339
from pronote_server.errors import Refusal
from pronote_server.storage import school
from pronote_server.words import Mode, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from pronote_server.instance import Instance
    from pronote_server.sessions import Session

PAGE: Final = 500
"""Rows of one answer: some 60 KiB."""

MAX_ID: Final = 2**63 - 1
"""Largest id of SQLite."""

ABSENCE_MODES: Final = frozenset({Mode.ADMINISTRATIF, Mode.VIE_SCOLAIRE})
"""Who enters and reads absences. Teachers call the roll in their own Espace, which is not this server's."""

T = TypeVar("T")


def _of_a_school_year(instant: datetime) -> datetime:
    # Far outside it no offset can be subtracted any more; the base's own year is not compared: schools prepare ahead.
    if not 1990 <= instant.year <= 2199:
        raise ValueError("must be from 1990 to 2199")
    return instant


class AbsenceRequest(BaseModel):
    """Body of POST /client/v1/absences."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True)

    pupil: Annotated[StrictInt, Field(ge=1, le=MAX_ID)]
    start_time: Annotated[AwareDatetime, Field(strict=True), AfterValidator(_of_a_school_year)]
    minutes: Annotated[StrictInt, Field(ge=1, le=1440)]
    reason: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""


def school_routes(instance: Instance) -> list[Route]:
    """Return the routes of pupils and absences."""

    async def add_absence(request: Request) -> Response:
        session = await _session_for_absences(instance, request)
        if session.school_year is not None:
            raise _read_only(session.school_year)
        wanted = await read_model(request, AbsenceRequest)
        if instance.state is not State.READY:
            raise out_of_service()
        new = school.NewAbsence(
            wanted.pupil,
            int(wanted.start_time.timestamp()),
            wanted.minutes,
            wanted.reason,
            int(now_utc().timestamp()),
        )
        try:
            absence_id = await instance.base().write(school.add_absence, new)
        except school.NoSuchPupil:
            raise Refusal(404, "UnknownPupil", "There is no such pupil.") from None
        except sqlite3.OperationalError as error:
            raise _full_or_busy(error) from None
        return Json({"id": absence_id, **_absence_document(new)}, status_code=201)

    async def absences(request: Request) -> Response:
        session = await _session_for_absences(instance, request)
        base = instance.base_of(session.school_year)
        rows, more = _page(await base.read(school.list_absences, _after(request), PAGE + 1))
        return Json({"absences": [{"id": row.id, **_absence_document(row)} for row in rows], "more": more})

    async def pupils(request: Request) -> Response:
        base = instance.base_of((await session_of(instance, request)).school_year)
        rows, more = _page(await base.read(school.list_pupils, _after(request), PAGE + 1))
        return Json({"pupils": [_pupil_document(row) for row in rows], "more": more})

    return [
        Route("/client/v1/absences", add_absence, methods=["POST"]),
        Route("/client/v1/absences", absences, methods=["GET"]),
        Route("/client/v1/pupils", pupils, methods=["GET"]),
    ]


async def _session_for_absences(instance: Instance, request: Request) -> Session:
    session = await session_of(instance, request)
    if session.mode not in ABSENCE_MODES:
        raise Refusal(403, "ModeNotAllowed", "Absences need mode administratif or vie-scolaire.")
    return session


def _read_only(school_year: int) -> Refusal:
    message = f"The school year {school_year} is kept to be read: nothing is entered in it any more."
    return Refusal(403, "SchoolYearReadOnly", message)


def _after(request: Request) -> int:
    text = request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_ID):
        raise Refusal(400, "InvalidRequest", "after must be an id: a whole number from 0.")
    return int(text)


def _page(rows: Sequence[T]) -> tuple[Sequence[T], bool]:
    return rows[:PAGE], len(rows) > PAGE


def _full_or_busy(error: sqlite3.OperationalError) -> Exception:
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return Refusal(507, "InsufficientStorage", "The data volume is full; nothing was entered.")
    if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
        return busy()
    return error


def _absence_document(absence: school.NewAbsence) -> dict[str, object]:
    return {
        "pupil": absence.pupil,
        "startTime": _text(absence.start_time),
        "minutes": absence.minutes,
        "reason": absence.reason,
        "recordedTime": _text(absence.recorded_time),
    }


def _pupil_document(pupil: school.Pupil) -> dict[str, object]:
    return {
        "id": pupil.id,
        "lastName": pupil.last_name,
        "firstName": pupil.first_name,
        "class": pupil.class_name,
    }


def _text(seconds: int) -> str:
    return rfc3339(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
