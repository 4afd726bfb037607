"""The agent's own part of the guarded API: snapshots, and what prepare did (reference: docs/reference/agent-api.md)."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from pronote_operator.agent.answers import BadRequestError, Route, chosen, failure, json_answer, read_object
from pronote_operator.agent.snapshots import Snapshots
from pronote_operator.agent.work import Desk, Outcome, Progress
from pronote_operator.api.snapshots import parsed_name
from pronote_operator.prepare.report import read_preparation

MOST_NAMES: Final = 200
"""In one request to delete."""

_VERIFICATION: Final = re.compile(r"/v1/snapshots/([a-z0-9TZ-]{1,64})/verification")


@dataclass(frozen=True)
class SnapshotApi:
    """Answers the requests that are not passed on to the server."""

    snapshots: Snapshots
    desk: Desk
    volume: Path

    def route(self, method: str, target: str) -> Route | tuple[str, ...] | None:
        """See `answers.Api`."""
        handlers: dict[str, Route] = {}
        if target == "/v1/snapshots":
            handlers = {"GET": self._list, "POST": self._take}
        elif target == "/v1/deletions":
            handlers = {"POST": self._delete}
        elif target == "/v1/preparation":
            handlers = {"GET": self._preparation}
        elif found := _VERIFICATION.fullmatch(target):
            handlers = {"POST": functools.partial(self._verify, found[1])}
        return chosen(handlers, method)

    async def _list(self, _body: bytes) -> web.Response:
        return json_answer(await self.snapshots.listing())

    async def _take(self, body: bytes) -> web.Response:
        members = read_object(body, {"name", "kind", "intervalSeconds", "deadlineSeconds"})
        name = _name(members.get("name"))
        kind, _ = parsed_name(name)
        if members.get("kind") != kind.value:
            raise BadRequestError(f"{name} is a name of the kind {kind.value}, not of {members.get('kind')!r}")
        self.snapshots.told(kind, _seconds(members, "intervalSeconds"), _seconds(members, "deadlineSeconds"))
        return await self._work(("snapshot", name), "Checkpoint", functools.partial(self.snapshots.take, name))

    async def _verify(self, name: str, body: bytes) -> web.Response:
        read_object(body, set())
        name = _name(name)
        return await self._work(("verification", name), "Verify", functools.partial(self.snapshots.verify, name))

    async def _delete(self, body: bytes) -> web.Response:
        asked = read_object(body, {"names"}).get("names")
        if not isinstance(asked, list) or not 0 < len(asked) <= MOST_NAMES:
            raise BadRequestError(f"names is a list of 1 to {MOST_NAMES} names")
        names = tuple(sorted({_name(name) for name in asked}))
        return await self._work(("deletion", *names), "Delete", functools.partial(self.snapshots.delete, names))

    async def _preparation(self, _body: bytes) -> web.Response:
        return json_answer(await asyncio.to_thread(read_preparation, str(self.volume)))

    async def _work(
        self, key: tuple[str, ...], phase: str, work: Callable[[Progress], Awaitable[dict[str, Any]]]
    ) -> web.Response:
        match await self.desk.ask(key, phase, work):
            case Progress() as progress:
                return json_answer(progress.as_json(), 202)
            case Outcome(answer=dict() as answer):
                return json_answer(answer)
            case Outcome(reason=reason, message=message):
                return failure(reason, message)


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
