"""Sessions in a browser: named by the header `X-Pronote-Session`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pronote_server.authentication import may_stay, session_expired
from pronote_server.clock import now_utc
from pronote_server.web.gate import check_published, check_visitor

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_server.espaces import Espace
    from pronote_server.instance import Instance
    from pronote_server.sessions import Session


def shown_token(request: Request) -> str:
    """Return the token that a request names its session by."""
    return request.headers.get("x-pronote-session", "")


async def visiting(instance: Instance, request: Request) -> tuple[Session, Espace]:
    """Return the session of a request and its Espace, and count the request.

    Raises:
        Refusal: The address may not come, the session is no more, its Espace is not published, or its account may not
            come in there any more.
    """
    check_visitor(instance, request)
    session = instance.sessions.find(shown_token(request), time.monotonic())
    if session is None or session.espace is None:
        raise session_expired()
    check_published(instance, session.espace)
    if not await may_stay(instance, session):
        instance.sessions.close(session.id)
    if not instance.sessions.is_open(session, time.monotonic()):
        raise session_expired()
    instance.sessions.hear(session, now_utc(), time.monotonic())
    return session, session.espace
