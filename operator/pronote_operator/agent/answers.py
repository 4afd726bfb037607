"""What the agent's own answers have in common: JSON, failures with their reasons, and how a body is read."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.snapshots import SnapshotError

_STATUS_OF: Final = {
    "Busy": 409,
    "SchoolYearMissing": 409,
    "SchoolYearDamaged": 409,
    "UaiMismatch": 409,
    "SnapshotMissing": 404,
    "RepositoryMissing": 404,
    "ServerNotReady": 503,
    "Cancelled": 503,
    "VolumeFull": 507,
    "NoRoom": 507,
    "TimedOut": 504,
}
"""By reason; any other is 500."""

Route = Callable[[bytes], Awaitable[web.Response]]
"""Answers one request, given its body."""


class BadRequestError(Exception):
    """The request cannot be understood; the message says what is wrong with it."""


class Api(Protocol):
    """Requests that the agent answers itself."""

    def route(self, method: str, target: str) -> Route | tuple[str, ...] | None:
        """Look a request up.

        Args:
            method: as sent.
            target: as sent, not decoded.

        Returns:
            What answers it, or the methods that the path exists for; None when there is no such path.
        """


async def answer(route: Route, body: bytes) -> web.Response:
    """Answer a request; whatever fails is an answer too."""
    try:
        return await route(body)
    except BadRequestError as error:
        return failure("InvalidRequest", str(error), 400)
    except SnapshotError as error:
        return failure(error.reason.value, error.message)
    except RefusedError as error:
        return failure(error.reason, error.message)
    except OSError as error:
        return failure("VolumeError", f"a volume answered: {error.strerror}")


def chosen(handlers: dict[str, Route], method: str) -> Route | tuple[str, ...] | None:
    """What `Api.route` returns for a path with these methods; none is no such path."""
    if not handlers:
        return None
    return handlers.get(method) or tuple(sorted(handlers))


def failure(reason: str, message: str, status: int | None = None) -> web.Response:
    """An answer that says why not."""
    return json_answer({"reason": reason, "message": message}, status or _STATUS_OF.get(reason, 500))


def json_answer(members: dict[str, Any], status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.json_response(members, status=status)


def read_object(body: bytes, allowed: set[str]) -> dict[str, Any]:
    """The JSON object of a body; none at all counts as an empty one.

    Raises:
        BadRequestError: it is none, or has members that are not known.
    """
    try:
        members = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise BadRequestError("the body is no JSON object")
    if unknown := sorted(str(member)[:40] for member in members if member not in allowed):
        raise BadRequestError(f"unknown members: {', '.join(unknown[:5])}")
    return members
