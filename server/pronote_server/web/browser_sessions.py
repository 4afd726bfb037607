"""Sessions in a browser: named by the header `X-Pronote-Session`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pronote_server.authentication import session_expired
from pronote_server.clock import now_utc
from pronote_server.web.gate import check_published, check_visitor
from pronote_server.web.school_reader import visitor_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_server.instance import Instance
    from pronote_server.web.school_reader import Visitor


def shown_token(request: Request) -> str:
    """Return the token that a request names its session by."""
    return request.headers.get("x-pronote-session", "")


async def visiting(instance: Instance, request: Request) -> Visitor:
    """Return who has the session of a request, and count the request.

    Raises:
        Refusal: The address may not come, the session is no more, its Espace is not published, or its account may not
            come in there any more.
    """
    check_visitor(instance, request)
    session = instance.sessions.find(shown_token(request), time.monotonic())
    if session is None or session.espace is None:
        raise session_expired()
    check_published(instance, session.espace)
    visitor = await visitor_of(instance, session)
    if visitor is None:
        instance.sessions.close(session.id)
    if visitor is None or not instance.sessions.is_open(session, time.monotonic()):
        raise session_expired()
    instance.sessions.hear(session, now_utc(), time.monotonic())
    return visitor
