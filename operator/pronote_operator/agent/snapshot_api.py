"""The agent's own part of the guarded API: snapshots, and what prepare did (reference: docs/reference/agent-api.md)."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from pronote_operator.agent.snapshots import Snapshots
from pronote_operator.agent.work import Desk, Outcome, Progress
from pronote_operator.api.snapshots import parsed_name
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.report import read_preparation
from pronote_operator.snapshots import SnapshotError

MOST_NAMES: Final = 200
"""In one request to delete."""

_VERIFICATION: Final = re.compile(r"/v1/snapshots/([a-z0-9TZ-]{1,64})/verification")

_STATUS_OF: Final = {
    "Busy": 409,
    "SnapshotMissing": 404,
    "RepositoryMissing": 404,
    "ServerNotReady": 503,
    "Cancelled": 503,
    "VolumeFull": 507,
    "NoRoom": 507,
    "TimedOut": 504,
}
"""By reason; any other is 500."""


class BadRequestError(Exception):
    """The request cannot be understood; the message says what is wrong with it."""


@dataclass(frozen=True)
class SnapshotApi:
    """Answers the requests that are not passed on to the server."""

    snapshots: Snapshots
    desk: Desk
    volume: Path

    def route(self, method: str, target: str) -> Route | tuple[str, ...] | None:
        """Look a request up.

        Args:
            method: as sent.
            target: as sent, not decoded.

        Returns:
            What answers it, or the methods that the path exists for; None when there is no such path.
        """
        handlers: dict[str, Route] = {}
        if target == "/v1/snapshots":
            handlers = {"GET": self._list, "POST": self._take}
        elif target == "/v1/deletions":
            handlers = {"POST": self._delete}
        elif target == "/v1/preparation":
            handlers = {"GET": self._preparation}
        elif found := _VERIFICATION.fullmatch(target):
            handlers = {"POST": functools.partial(self._verify, found[1])}
        if not handlers:
            return None
        return handlers.get(method) or tuple(sorted(handlers))

    async def answer(self, route: Route, body: bytes) -> web.Response:
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

    async def _list(self, _body: bytes) -> web.Response:
        return _json(await self.snapshots.listing())

    async def _take(self, body: bytes) -> web.Response:
        members = _object(body, {"name", "kind", "intervalSeconds", "deadlineSeconds"})
        name = _name(members.get("name"))
        kind, _ = parsed_name(name)
        if members.get("kind") != kind.value:
            raise BadRequestError(f"{name} is a name of the kind {kind.value}, not of {members.get('kind')!r}")
        self.snapshots.told(kind, _seconds(members, "intervalSeconds"), _seconds(members, "deadlineSeconds"))
        return await self._work(("snapshot", name), "Checkpoint", functools.partial(self.snapshots.take, name))

    async def _verify(self, name: str, body: bytes) -> web.Response:
        _object(body, set())
        name = _name(name)
        return await self._work(("verification", name), "Verify", functools.partial(self.snapshots.verify, name))

    async def _delete(self, body: bytes) -> web.Response:
        asked = _object(body, {"names"}).get("names")
        if not isinstance(asked, list) or not 0 < len(asked) <= MOST_NAMES:
            raise BadRequestError(f"names is a list of 1 to {MOST_NAMES} names")
        names = tuple(sorted({_name(name) for name in asked}))
        return await self._work(("deletion", *names), "Delete", functools.partial(self.snapshots.delete, names))

    async def _preparation(self, _body: bytes) -> web.Response:
        return _json(await asyncio.to_thread(read_preparation, str(self.volume)))

    async def _work(
        self, key: tuple[str, ...], phase: str, work: Callable[[Progress], Awaitable[dict[str, Any]]]
    ) -> web.Response:
        match await self.desk.ask(key, phase, work):
            case Progress() as progress:
                return _json(progress.as_json(), 202)
            case Outcome(answer=dict() as answer):
                return _json(answer)
            case Outcome(reason=reason, message=message):
                return failure(reason, message)


Route = Callable[[bytes], Awaitable[web.Response]]


def failure(reason: str, message: str, status: int | None = None) -> web.Response:
    """An answer that says why not."""
    return _json({"reason": reason, "message": message}, status or _STATUS_OF.get(reason, 500))


def _json(members: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(members, status=status)


def _object(body: bytes, allowed: set[str]) -> dict[str, Any]:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise BadRequestError("the body is no JSON object")
    if unknown := sorted(str(member)[:40] for member in members if member not in allowed):
        raise BadRequestError(f"unknown members: {', '.join(unknown[:5])}")
    return members


def _name(value: object) -> str:
    try:
        parsed_name(value if isinstance(value, str) else "")
    except ValueError as error:
        raise BadRequestError(str(error)[:300]) from error
    return str(value)


def _seconds(members: dict[str, Any], member: str) -> float | None:
    value = members.get(member)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise BadRequestError(f"{member} is a number of seconds")
    return float(value)
