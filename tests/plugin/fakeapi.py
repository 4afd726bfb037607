"""An API server with the kinds that the plugin reads: reads, merge patches, apply of a spec.

It knows as much as the plugin relies on: who wrote (field manager), conflicts over fields that another manager holds,
and a status that changes while somebody waits.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.threaded import ThreadedServer

Object = dict[str, Any]
MOST_REQUESTS = 200
"""Then the base is gone, so that a plugin which waits for ever ends its test."""
KINDS = {
    "PronoteBase": "pronotebases",
    "Publication": "publications",
    "CasDelegation": "casdelegations",
    "VersionChannel": "versionchannels",
}
PATH = re.compile(rf"/apis/pronote\.hosting/v1alpha1(?:/namespaces/([^/]+))?/({'|'.join(KINDS.values())})(?:/([^/]+))?")


class FakeApi(ThreadedServer):
    """Runs in a thread, since the plugin has an event loop of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = False
        self.objects: dict[tuple[str, str | None, str], Object] = {}
        """By the plural of their kind, namespace (None: cluster-scoped) and name."""
        self.writes: list[tuple[str, dict[str, str], Object]] = []
        """(content type, query, body) of each write that was taken."""
        self.requests: list[str] = []
        """Verb and path of every request."""
        self.held_by: str | None = None
        """Field manager that holds spec.restore, other than the plugin."""
        self.refused: tuple[int, str] | None = None
        """(status, message) with which writes are refused."""
        self.broken = 0
        """So many of the next reads are answered 500."""
        self.meanwhile: list[Callable[[Object], None]] = []
        """What the operator does by itself: one of these for each read of a channel, from the second on."""
        self.unlisted: set[str] = set()
        """Plurals of kinds that the person may not list."""
        self.after_write: list[Callable[[Object], None]] = []
        """What the operator does: one of these for each read of a base that comes after a write."""

    def add(self, thing: Object) -> None:
        """Put an object there, under its own namespace and name."""
        metadata = thing["metadata"]
        self.objects[KINDS[thing["kind"]], metadata.get("namespace"), metadata["name"]] = copy.deepcopy(thing)

    @property
    def bases(self) -> dict[tuple[str | None, str], Object]:
        """The bases, by namespace and name."""
        return {key[1:]: thing for key, thing in self.objects.items() if key[0] == KINDS["PronoteBase"]}

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        found = PATH.fullmatch(request.path)
        if not found:
            return refusal(404, "the server could not find the requested resource")
        namespace, plural, name = found[1], found[2], found[3]
        if name is None and plural in self.unlisted:
            return refusal(403, f"{plural}.pronote.hosting is forbidden: cannot list at the cluster scope")
        if name is None:
            of_kind = [(key, thing) for key, thing in sorted(self.objects.items(), key=str) if key[0] == plural]
            items = [thing for key, thing in of_kind if namespace in (None, key[1])]
            return web.json_response({"kind": "List", "metadata": {}, "items": items})
        base = self.objects.get((plural, namespace, name))
        if base is None or len(self.requests) > MOST_REQUESTS:
            return refusal(404, f'{plural}.pronote.hosting "{name}" not found')
        if request.method == "PATCH":
            return await self._patch(request, base)
        if self.broken:
            self.broken -= 1
            return refusal(500, "etcdserver: leader changed")
        if plural == KINDS["VersionChannel"] and self.meanwhile and self._seen:
            self.meanwhile.pop(0)(base)
        self._seen = self._seen or plural == KINDS["VersionChannel"]
        if self.writes and self.after_write:
            self.after_write.pop(0)(base)
        return web.json_response(base)

    async def _patch(self, request: web.Request, base: Object) -> web.Response:
        body = json.loads(await request.read())
        query = dict(request.query)
        if self.refused:
            return refusal(*self.refused)
        wanted = body.get("spec", {}).get("restore")
        if wanted and self.held_by and query.get("force") != "true" and base["spec"].get("restore") != wanted:
            return refusal(
                409, f'Apply failed with 1 conflict: conflict with "{self.held_by}": .spec.restore.requestId'
            )
        self.writes.append((request.content_type, query, body))
        if wanted:
            base["spec"]["restore"] = wanted
        if "paused" in body.get("spec", {}):
            base["metadata"]["generation"] += base["spec"].get("paused", False) is not body["spec"]["paused"]
            base["spec"]["paused"] = body["spec"]["paused"]
        annotations = body.get("metadata", {}).get("annotations", {})
        base["metadata"].setdefault("annotations", {}).update(annotations)
        return web.json_response(base)


def refusal(status: int, message: str) -> web.Response:
    """The API server's answer to what it does not do."""
    body = {"kind": "Status", "status": "Failure", "code": status, "message": message, "reason": "Refused"}
    return web.json_response(body, status=status)
