"""The Client protocol of this server, on port 49300: HTTPS and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StrictInt
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from pronote_server.addresses import parse_address
from pronote_server.admission import Entry, check_address, out_of_service
from pronote_server.answers import Envelope, Json, on_failure, on_http_error, on_refusal, printable, read_model
from pronote_server.authentication import Attempt, log_in, peer, session_of
from pronote_server.clock import rfc3339
from pronote_server.connections import connections_document
from pronote_server.errors import Refusal
from pronote_server.school_api import school_routes
from pronote_server.words import Application, Mode, State, client_mode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from pronote_server.instance import Instance
    from pronote_server.sessions import Session


class LoginRequest(BaseModel):
    """Body of POST /client/v1/login."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    username: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
    password: SecretStr = Field(min_length=1, max_length=256)
    mode: Annotated[Mode, AfterValidator(client_mode)]
    machine: Annotated[str, Field(max_length=64), AfterValidator(printable)] = ""
    school_year: Annotated[StrictInt | None, Field(alias="schoolYear", ge=1990, le=2199)] = None


def client_app(instance: Instance) -> ASGIApp:
    """Return the ASGI application for Clients."""

    async def login(request: Request) -> Response:
        wanted = await read_model(request, LoginRequest)
        if instance.state is not State.READY:
            raise out_of_service()
        attempt = Attempt(
            wanted.username,
            wanted.password.get_secret_value(),
            Entry(
                Application.CLIENT,
                wanted.mode,
                wanted.machine.strip(),
                parse_address(peer(request)),
                school_year=None if wanted.school_year == instance.config.base.school_year else wanted.school_year,
            ),
        )
        token, session = await log_in(instance, attempt)
        return Json({"session": token, **_identity(instance, session)})

    async def whoami(request: Request) -> Response:
        return Json(_identity(instance, await session_of(instance, request)))

    async def years(request: Request) -> Response:
        # Without a session: a person chooses the year before the login.
        check_address(instance, parse_address(peer(request)))
        if instance.state is not State.READY:
            raise out_of_service()
        kept = [{"schoolYear": year, "state": "Kept"} for year in instance.kept]
        return Json({"years": [{"schoolYear": instance.config.base.school_year, "state": "InService"}, *kept]})

    async def connections(request: Request) -> Response:
        session = await session_of(instance, request)
        if session.mode is not Mode.ADMINISTRATIF:
            message = "Only mode administratif shows the connections."
            raise Refusal(403, "ModeNotAllowed", message)
        return Json(connections_document(instance))

    async def logout(request: Request) -> Response:
        session = await session_of(instance, request)
        instance.sessions.close(session.id)
        return Json({})

    app = Starlette(
        routes=[
            Route("/client/v1/years", years, methods=["GET"]),
            Route("/client/v1/login", login, methods=["POST"]),
            Route("/client/v1/whoami", whoami, methods=["GET"]),
            Route("/client/v1/connections", connections, methods=["GET"]),
            Route("/client/v1/logout", logout, methods=["POST"]),
            *school_routes(instance),
        ],
        exception_handlers={Refusal: on_refusal, HTTPException: on_http_error, Exception: on_failure},
    )
    return Envelope(app, instance.metrics, "client")


def _identity(instance: Instance, session: Session) -> dict[str, object]:
    base = instance.config.base
    return {
        "connection": session.id,
        "username": session.person.username,
        "mode": session.mode.value,
        "superadministrator": session.person.superadministrator,
        "machine": session.machine,
        "connectedTime": rfc3339(session.connected),
        "idleSeconds": int(instance.sessions.idle_seconds(Application.CLIENT)),
        "uai": base.uai,
        "displayName": instance.settings.display_name,
        "schoolYear": base.school_year if session.school_year is None else session.school_year,
        "readOnly": session.school_year is not None,
        "version": base.version,
    }
