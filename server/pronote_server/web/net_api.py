"""The port between PRONOTE.net's replicas and the server (docs/reference/net-api.md)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from pronote_server.answers import Envelope, on_failure, on_http_error, on_refusal
from pronote_server.errors import Refusal
from pronote_server.web.login_api import login_routes
from pronote_server.web.page_api import page_routes
from pronote_server.web.school_pages import on_not_shown, school_page_routes
from pronote_server.web.school_reader import NotShown
from pronote_server.web.session_api import session_routes

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from pronote_server.instance import Instance


def net_app(instance: Instance) -> ASGIApp:
    """Return the ASGI application for the replicas of PRONOTE.net."""
    app = Starlette(
        routes=[
            *page_routes(instance),
            *login_routes(instance),
            *session_routes(instance),
            *school_page_routes(instance),
        ],
        exception_handlers={
            Refusal: on_refusal,
            NotShown: on_not_shown,
            HTTPException: on_http_error,
            Exception: on_failure,
        },
    )
    return Envelope(TokenCheck(app, instance), instance.metrics, "net")


class TokenCheck:
    """ASGI middleware: answers only who shows the token of the replicas, and reads nothing of anybody else."""

    def __init__(self, app: ASGIApp, instance: Instance) -> None:
        self._app = app
        self._instance = instance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = shown.partition(b" ")
        if scheme.lower() == b"bearer" and self._instance.net_tokens.accept(token.strip(), time.monotonic()):
            await self._app(scope, receive, send)
            return
        refused: Response = JSONResponse({"reason": "WrongToken", "message": "This is no replica of this base."}, 401)
        await refused(scope, receive, send)
