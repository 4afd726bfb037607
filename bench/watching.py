"""Waiting for the operator and for what it makes."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from bench.counters import Reading, read
from bench.errors import BenchError
from bench.hand import Hand
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import CHANNELS, CHILD_KINDS, SECRETS, Kind
from tests.support.operator_process import OperatorProcess

KINDS = (*CHILD_KINDS, SECRETS)
PER_BASE = {
    "persistentvolumeclaims": 2,
    "configmaps": 2,
    "services": 2,
    "networkpolicies": 1,
    "statefulsets": 1,
    "secrets": 5,
}
"""Children of a base by resource."""
WATCH_SECONDS = 600
QUIET_SECONDS = 5.0
"""Nothing written and nothing in work for so long: things have settled."""


async def eventually(
    look: Callable[[], Awaitable[bool]], *, within: float, every: float, what: str, said: Callable[[], str]
) -> None:
    """Look until it is so.

    Raises:
        BenchError: not within so many seconds.
    """
    deadline = time.monotonic() + within
    while not await look():
        if time.monotonic() > deadline:
            raise BenchError(f"Not within {within:.0f} s: {what}.\n{said()}")
        await asyncio.sleep(every)


async def counts(hand: Hand) -> dict[str, int]:
    """Objects of each kind of child in the whole cluster."""
    found = await asyncio.gather(*(hand.count(kind) for kind in KINDS))
    return {kind.plural: count for kind, count in zip(KINDS, found, strict=True)}


async def wait_for_children(
    hand: Hand, before: dict[str, int], bases: int, *, within: float, tell: Callable[[str], None] = lambda _: None
) -> float:
    """Wait until all children of so many more bases exist; monotonic seconds of that moment (to a quarter second)."""
    seen: dict[str, int] = {}

    async def all_there() -> bool:
        seen.update(await counts(hand))
        made = sum(seen.values()) - sum(before.values())
        tell(f"{made} of {bases * sum(PER_BASE.values())} children")
        return all(seen[plural] - before[plural] >= bases * number for plural, number in PER_BASE.items())

    await eventually(
        all_there, within=within, every=0.25, what=f"all children of {bases} bases", said=lambda: f"There are {seen}"
    )
    return time.monotonic()


async def settle(
    operator: OperatorProcess, bases: int, *, within: float, tell: Callable[[str], None] = lambda _: None
) -> Reading:
    """Wait until all bases are Ready and the operator has had nothing to do for five seconds.

    Returns:
        The reading at the beginning of those five seconds.
    """
    last = await read(operator)

    async def quiet() -> bool:
        nonlocal last
        now = await read(operator)
        tell(f"{now.bases.get('ready', 0)} of {bases} bases ready")
        ready = now.bases.get("ready", 0) >= bases and not now.busy
        if not ready or now.writes != last.writes or now.passes != last.passes:
            last = now
        return ready and now.seconds - last.seconds >= QUIET_SECONDS

    await eventually(
        quiet,
        within=within,
        every=0.5,
        what=f"{bases} bases Ready and nothing to do",
        said=lambda: f"Bases: {last.bases}; in work: {last.busy}. The operator's log ends:\n{operator.tail()}",
    )
    return last


class Changes:
    """Follows all objects of a kind while it is entered; `changed` is for those who want more than their number."""

    def __init__(self, client: KubeClient, kind: Kind) -> None:
        self._client = client
        self._kind = kind
        self.writes = 0

    async def __aenter__(self) -> Self:
        since = ""
        async for page in self._client.pages(self._kind, None, metadata_only=True):
            since = page["metadata"]["resourceVersion"]
        self._stream = asyncio.create_task(self._follow(since))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._stream

    def changed(self, body: dict[str, Any]) -> None:
        """An object was seen changed."""

    async def _follow(self, since: str) -> None:
        while True:
            async for event in self._client.watch(self._kind, None, selector="", since=since, seconds=WATCH_SECONDS):
                since = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "MODIFIED":
                    self.writes += 1
                    self.changed(event["object"])


def channel_writes(client: KubeClient) -> Changes:
    """Counts changes of VersionChannels: their status is written for the fleet, not for a base."""
    return Changes(client, CHANNELS)


async def wait_leading(operator: OperatorProcess, *, within: float = 60) -> None:
    """Wait until the operator holds the Lease."""

    async def leads() -> bool:
        status, _ = await asyncio.to_thread(operator.get, "/healthz")
        return status == 200 and (await read(operator)).leading

    await eventually(leads, within=within, every=0.05, what="the operator leads", said=operator.tail)


def logged_times(operator: OperatorProcess, message: str) -> list[float]:
    """Epoch seconds of the log's lines that begin with a message."""
    return [
        dt.datetime.fromisoformat(line["timestamp"]).timestamp()
        for line in operator.logs()
        if str(line.get("message", "")).startswith(message)
    ]
