"""What the pages in a browser show of the session itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from pronote_server.answers import Json
from pronote_server.connections import connections_document
from pronote_server.errors import Refusal
from pronote_server.espaces import Espace
from pronote_server.web.browser_sessions import shown_token, visiting
from pronote_server.words import Application

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pronote_server.instance import Instance

CONNECTIONS_ESPACES = frozenset({Espace.DIRECTION, Espace.VIE_SCOLAIRE})
"""Where the connections are shown."""


def session_routes(instance: Instance) -> list[Route]:
    """Return the routes of the session."""

    async def session(request: Request) -> Response:
        visitor = await visiting(instance, request)
        return Json(
            {
                "espace": visitor.espace,
                "displayName": visitor.identity.display_name,
                "kind": visitor.identity.kind,
                "children": [
                    {"id": child.pupil_id, "displayName": child.display_name, "className": child.class_name}
                    for child in visitor.identity.children
                ],
                "csrf": instance.web.csrf(shown_token(request)),
                "inactivityMinutes": int(instance.sessions.idle_seconds(Application.PRONOTE_NET) // 60),
            }
        )

    async def connections(request: Request) -> Response:
        visitor = await visiting(instance, request)
        if visitor.espace not in CONNECTIONS_ESPACES:
            raise Refusal(403, "WrongEspace", "Only Direction and VieScolaire show the connections.")
        return Json(connections_document(instance))

    return [
        Route("/net/v1/session", session, methods=["GET"]),
        Route("/net/v1/connections", connections, methods=["GET"]),
    ]
