"""A labelled kind, listed and watched: what is there, and what is no longer there.

Kopf watches the project's own kinds. Its streams do not tell when the first list is over, nor which objects vanished
while a watch was cut off; for children both decide whether something is written, so they are streamed here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import Kind
from pronote_operator.cluster.pulse import Pulse
from pronote_operator.errors import ApiError

logger = logging.getLogger(__name__)

WATCH_SECONDS = 300
_LISTING = asyncio.Semaphore(1)
"""Lists are taken one after the other: together, those of a large fleet would be in memory at once."""
PAGE_ITEMS = 50
"""Objects of a list in memory at once: a StatefulSet carries its pod template twice."""
QUIET_SECONDS = 75
"""The server sends a bookmark each minute; after this long without a byte the stream is opened again."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a reflector tells.

    Args:
        seen: called with each object as listed or changed.
        gone: called with (namespace, name) of an object that is no longer there, or no longer carries the label.
        synced: called once after every complete list.
    """

    seen: Callable[[Kind, dict[str, Any]], None]
    gone: Callable[[Kind, str, str], None]
    synced: Callable[[Kind, str | None], None]


class Reflector:
    """Lists and watches one kind in one namespace (None: all).

    Args:
        selector: label selector, narrowed by the server.
        fields: field selector, likewise; `metadata.name=…` streams one object, which a right on that name alone allows.
    """

    def __init__(
        self,
        client: KubeClient,
        kind: Kind,
        namespace: str | None,
        *,
        listener: Listener,
        pulse: Pulse,
        selector: str = "",
        fields: str = "",
    ) -> None:
        self._client = client
        self._kind = kind
        self._namespace = namespace
        self._selector = selector
        self._fields = fields
        self._listener = listener
        self._pulse = pulse
        self._known: dict[str, set[str]] = {}
        """Names by namespace."""
        self._name = f"children:{kind.collection(namespace)}" + (f"?{fields}" if fields else "")

    async def run(self) -> None:
        """Stream until cancelled; failures are logged and tried again with a growing pause."""
        failures = 0
        try:
            while True:
                try:
                    since = await self._list()
                    failures = 0
                    await self._follow(since)
                except (ApiError, aiohttp.ClientError, TimeoutError, ValueError) as error:
                    if isinstance(error, ApiError) and error.status == 410:
                        logger.info("The watch of %s is too old and starts again from a list.", self._name)
                        continue
                    failures += 1
                    pause = min(30.0, 0.25 * 2**failures) * random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret
                    logger.warning("The stream %s failed (%s); again in %.1f s.", self._name, error, pause)
                    await asyncio.sleep(pause)
        finally:
            self._pulse.closed(self._name)

    async def _list(self) -> str:
        async with _LISTING:
            return await self._list_alone()

    async def _list_alone(self) -> str:
        self._pulse.opened(self._name)
        listed: dict[str, set[str]] = {}
        since = "0"
        pages = self._client.pages(
            self._kind, self._namespace, selector=self._selector, fields=self._fields, limit=PAGE_ITEMS
        )
        async for page in pages:
            for item in page["items"]:
                namespace, name = _identity(item["metadata"])
                listed.setdefault(namespace, set()).add(name)
                self._listener.seen(self._kind, item)
            since = page["metadata"]["resourceVersion"]
            self._pulse.beat(self._name)
            await asyncio.sleep(0)
        for namespace, names in self._known.items():
            for name in names - listed.get(namespace, set()):
                self._listener.gone(self._kind, namespace, name)
        self._known = listed
        self._listener.synced(self._kind, self._namespace)
        return since

    async def _follow(self, since: str) -> None:
        while True:
            stream = self._client.watch(
                self._kind,
                self._namespace,
                selector=self._selector,
                fields=self._fields,
                since=since,
                seconds=WATCH_SECONDS,
            )
            try:
                while True:
                    event = await asyncio.wait_for(anext(stream), QUIET_SECONDS)
                    self._pulse.beat(self._name)
                    since = self._tell(event) or since
            except (StopAsyncIteration, aiohttp.ClientError, TimeoutError) as end:
                # Ended by the server, cut off, or silent: go on from the last version that was seen.
                if not isinstance(end, StopAsyncIteration):
                    await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter
            finally:
                await stream.aclose()  # type: ignore[attr-defined]
            self._pulse.opened(self._name)

    def _tell(self, event: dict[str, Any]) -> str | None:
        metadata = event["object"].get("metadata", {})
        version: str | None = metadata.get("resourceVersion")
        if event["type"] == "BOOKMARK":
            return version
        namespace, name = _identity(metadata)
        known = self._known.setdefault(namespace, set())
        if event["type"] == "DELETED":
            known.discard(name)
            if not known:
                del self._known[namespace]
            self._listener.gone(self._kind, namespace, name)
        else:
            known.add(name)
            self._listener.seen(self._kind, event["object"])
        return version


def _identity(metadata: dict[str, Any]) -> tuple[str, str]:
    # Interned, so that the same names elsewhere (the book of children) are the same strings in memory.
    return sys.intern(metadata["namespace"]), sys.intern(metadata["name"])
