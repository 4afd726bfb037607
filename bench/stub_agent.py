"""What stands in for the agent of one base: it answers, takes its time over an archive, and keeps a record.

Nothing runs behind it. What its server serves is what the pod says that kwok lets be ready.
"""

from __future__ import annotations

import asyncio
import functools
import hmac
import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from pronote_operator.agent.answers import Route, answer, failure, json_answer, read_object
from pronote_operator.agent.work import Desk, Progress
from pronote_operator.builders.names import DATA_PLAN_VARIABLE, LABEL_VERSION

_YEAR = re.compile(r"/v1/years/([0-9]{4})")


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod of a base, as far as its agent is concerned."""

    uid: str
    version: str
    school_year: int
    ready: bool


def pod_of(body: Mapping[str, Any]) -> Pod:
    """The pod that the API gave."""
    metadata, conditions = body["metadata"], body.get("status", {}).get("conditions") or ()
    prepare = next(one for one in body["spec"]["initContainers"] if one["name"] == "prepare")
    plan = json.loads(next(one["value"] for one in prepare["env"] if one["name"] == DATA_PLAN_VARIABLE))
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return Pod(
        metadata["uid"],
        metadata["labels"][LABEL_VERSION],
        plan["schoolYear"],
        ready and not metadata.get("deletionTimestamp"),
    )


@dataclass
class Record:
    """A roll as it is seen from here (see `rolls.Roll`)."""

    asked: float | None = None
    archived: float | None = None
    ended: float | None = None
    ready: float | None = None
    confirmed: float | None = None
    pods: int = 0


@dataclass
class StubAgent:
    """See the module.

    Args:
        token: that the operator must present.
        archive: seconds that an archive takes, at least and at most.
    """

    token: str
    archive: tuple[float, float]
    desk: Desk = field(default_factory=Desk)
    record: Record = field(default_factory=Record)
    refused: int = 0
    _pod: Pod | None = None
    _archived: Pod | None = None
    _snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    _made: set[int] = field(default_factory=set)

    def seen(self, body: Mapping[str, Any]) -> None:
        """A pod was seen, new or changed."""
        before, self._pod = self._pod, pod_of(body)
        if self._archived is None or self._pod.uid == self._archived.uid:
            return
        if before is None or before.uid != self._pod.uid:
            self.record.pods += 1
        if self._pod.ready and self.record.ready is None:
            self.record.ready = time.monotonic()

    def gone(self, uid: str) -> None:
        """A pod is gone."""
        if self._archived is not None and uid == self._archived.uid and self.record.ended is None:
            self.record.ended = time.monotonic()
        if self._pod is not None and self._pod.uid == uid:
            self._pod = None

    async def answer(self, method: str, path: str, authorization: str, body: bytes) -> web.Response:
        """Answer one request."""
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self.token}".encode()):
            self.refused += 1
            return failure("Unauthorized", "no such token", 401)
        route = self._route(method, path)
        return await answer(route, body) if route is not None else failure("NotFound", "no such request", 404)

    def _route(self, method: str, path: str) -> Route | None:
        routes: dict[tuple[str, str], Route] = {
            ("GET", "/v1/snapshots"): self._list,
            ("POST", "/v1/snapshots"): self._take,
            ("POST", "/v1/deletions"): self._delete,
            ("GET", "/v1/preparation"): self._preparation,
            ("GET", "/v1/info"): self._info,
            ("GET", "/v1/years"): self._years,
        }
        if method == "PUT" and (found := _YEAR.fullmatch(path)):
            return functools.partial(self._make, int(found[1]))
        return routes.get((method, path))

    async def _list(self, _body: bytes) -> web.Response:
        return json_answer(self._listing())

    async def _take(self, body: bytes) -> web.Response:
        order = read_object(body, {"name", "kind", "intervalSeconds", "deadlineSeconds"})
        name = order["name"]
        if name in self._snapshots:
            return json_answer(self._snapshots[name])
        if self._pod is None or not self._pod.ready:
            return failure("ServerNotReady", "the server is not ready")
        if self.record.asked is None:
            self.record.asked, self._archived = time.monotonic(), self._pod

        async def store(_: Progress) -> dict[str, Any]:
            await asyncio.sleep(random.uniform(*self.archive))  # noqa: S311 - a pause
            taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self._snapshots[name] = {"name": name, "kind": order["kind"], "takenTime": taken, "damaged": False}
            if self.record.archived is None:
                self.record.archived = time.monotonic()
            return self._snapshots[name]

        found = await self.desk.ask(("snapshot", name), "Store", store)
        if isinstance(found, Progress):
            return json_answer(found.as_json(), 202)
        return failure(found.reason, found.message) if found.answer is None else json_answer(found.answer)

    async def _delete(self, body: bytes) -> web.Response:
        names = read_object(body, {"names"})["names"]
        deleted = [name for name in names if self._snapshots.pop(name, None) is not None]
        return json_answer({"deleted": deleted, **self._listing()})

    async def _preparation(self, _body: bytes) -> web.Response:
        return json_answer({"restores": [], "source": None, "years": []})

    async def _info(self, _body: bytes) -> web.Response:
        pod = self._pod
        if pod is None or not pod.ready:
            return failure("ServerNotReady", "the server is not ready")
        if self._archived is not None and pod.uid != self._archived.uid and self.record.confirmed is None:
            self.record.confirmed = time.monotonic()
        return json_answer({"version": pod.version, "schoolYear": pod.school_year})

    async def _years(self, _body: bytes) -> web.Response:
        pod = self._pod
        if pod is None or not pod.ready:
            return failure("ServerNotReady", "the server is not ready")
        years = sorted(self._made | {pod.school_year})
        return json_answer({"years": [_year(one, pod.school_year) for one in years]})

    async def _make(self, year: int, body: bytes) -> web.Response:
        read_object(body, {"from"})
        self._made.add(year)
        return json_answer(_year(year, year - 1))

    def _listing(self) -> dict[str, Any]:
        return {"snapshots": list(self._snapshots.values()), "repositoryBytes": 0, "volumeFreeBytes": 0}


def _year(year: int, serves: int) -> dict[str, Any]:
    state = "InService" if year == serves else "Prepared" if year > serves else "Kept"
    return {"schoolYear": year, "state": state, "createdTime": None}
