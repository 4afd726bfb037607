"""What the bases' own status tells while they roll: how many are in flight, and how often it is written."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import TracebackType
from typing import Any, Self

from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import BASES
from pronote_operator.planning.roll import RollPhase, roll_of

WATCH_SECONDS = 600


class RollWatch:
    """Follows all bases while it is entered.

    Args:
        version: that they go over to; rolls to others are not told.
    """

    def __init__(self, client: KubeClient, version: str) -> None:
        self._client = client
        self._version = version
        self.writes = 0
        self.most_in_flight = 0
        self.done: dict[tuple[str, str], float] = {}
        """Seconds from `startedTime` to `completedTime` of the status, by base."""
        self.failed: list[str] = []
        self.last_done = 0.0
        """Monotonic."""
        self._in_flight: set[tuple[str, str]] = set()

    async def __aenter__(self) -> Self:
        since = ""
        async for page in self._client.pages(BASES, None, metadata_only=True):
            since = page["metadata"]["resourceVersion"]
        self._stream = asyncio.create_task(self._follow(since))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._stream

    @property
    def in_flight(self) -> int:
        """How many are under way now."""
        return len(self._in_flight)

    async def _follow(self, since: str) -> None:
        while True:
            async for event in self._client.watch(BASES, None, selector="", since=since, seconds=WATCH_SECONDS):
                since = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "MODIFIED":
                    self.writes += 1
                    self.seen(event["object"])

    def seen(self, body: dict[str, Any]) -> None:
        """A base was seen changed."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        roll = roll_of(body["status"].get("roll"))
        if roll is None or roll.to.version != self._version:
            return
        (self._in_flight.add if roll.in_flight else self._in_flight.discard)(key)
        self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        if roll.phase is RollPhase.DONE and roll.completed is not None and key not in self.done:
            self.done[key] = (roll.completed - roll.started).total_seconds()
            self.last_done = time.monotonic()
        elif roll.failed:
            self.failed.append("/".join(key))
