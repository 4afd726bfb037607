"""(f) how long from a child's change to its repair, seen by a watch of our own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bench import watching
from bench.edits import change_for, chosen, holds, kind_of
from bench.errors import BenchError
from bench.figures import Figure, percentile
from bench.hand import each, operators_client
from bench.stage import Stage
from pronote_operator.app import SELECTOR
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import Kind
from tests.support.operator_process import OperatorProcess

CHANGES = 240
AT_ONCE = 4
PATIENCE = 30.0
"""Seconds after which a change counts as not repaired."""
GOAL = 1.0
SEED = 3

Child = tuple[str, str, str]
Fits = Callable[[dict[str, Any]], bool]


class Watcher:
    """Watches all children, and says when one of them fits."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._awaited: dict[Child, tuple[Fits, asyncio.Future[float]]] = {}
        self.children: list[Child] = []

    async def follow(self, kind: Kind, listed: asyncio.Event) -> None:
        """List and watch one kind until cancelled."""
        since = ""
        async for page in self._client.pages(kind, None, selector=SELECTOR, metadata_only=True):
            for item in page["items"]:
                self.children.append((kind.kind, item["metadata"]["namespace"], item["metadata"]["name"]))
            since = page["metadata"]["resourceVersion"]
        listed.set()
        while True:
            async for event in self._client.watch(kind, None, selector=SELECTOR, since=since, seconds=600):
                since = event["object"]["metadata"]["resourceVersion"]
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._tell(kind, event["object"])

    def expect(self, child: Child, fits: Fits) -> asyncio.Future[float]:
        """The monotonic time at which the child will fit."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited[child] = (fits, future)
        return future

    def _tell(self, kind: Kind, body: dict[str, Any]) -> None:
        child = (kind.kind, body["metadata"]["namespace"], body["metadata"]["name"])
        fits, future = self._awaited.get(child, (None, None))
        if fits is not None and future is not None and not future.done() and fits(body):
            future.set_result(time.monotonic())


@asynccontextmanager
async def watching_children(client: KubeClient) -> AsyncIterator[Watcher]:
    """A watcher that has listed everything."""
    watcher = Watcher(client)
    async with asyncio.TaskGroup() as group:
        listed = [asyncio.Event() for _ in watching.KINDS]
        streams = [
            group.create_task(watcher.follow(kind, done)) for kind, done in zip(watching.KINDS, listed, strict=True)
        ]
        for done in listed:
            await done.wait()
        yield watcher
        for stream in streams:
            stream.cancel()


async def measure(stage: Stage, operator: OperatorProcess) -> None:
    """Change and delete random children, a few at a time."""
    times: dict[str, list[float]] = {}
    lost: list[str] = []
    async with operators_client(stage.cluster.kubeconfig) as client, watching_children(client) as watcher:
        picked = chosen(watcher.children, CHANGES, SEED)

        async def one(choice: tuple[str, str, str, bool]) -> None:
            kind, namespace, name, delete = choice
            label = f"{kind} {'deleted' if delete else 'changed'}"
            seconds = await _reaction(stage, watcher, (kind, namespace, name), delete=delete)
            if seconds is None:
                lost.append(f"{label}: {namespace}/{name}")
            else:
                times.setdefault(label, []).append(seconds)
            stage.tell(f"{sum(map(len, times.values()))} of {len(picked)}")

        with stage.progress.step("(f) changes of children", lambda: stage.doing):
            await each(picked, one, at_once=AT_ONCE)
            stage.note_load("f")
        await watching.settle(operator, stage.bases, within=stage.within)
    every = [seconds for of_label in times.values() for seconds in of_label]
    if lost or not every:
        raise BenchError(f"{len(lost)} changes were not repaired within {PATIENCE:.0f} s: {', '.join(lost[:10])}")
    stage.figures += [
        Figure(
            "f",
            "reaction to a child's change, p99",
            percentile(every, 0.99),
            "s",
            goal=GOAL,
            strict=True,
            note=f"{len(every)} changes and deletions, {AT_ONCE} at a time, from before the request to the repair's "
            "event; claims are not deleted",
            details={
                label: {"count": len(found), "p50": round(percentile(found, 0.5), 3), "max": round(max(found), 3)}
                for label, found in sorted(times.items())
            },
        ),
        Figure("f", "reaction to a child's change, median", percentile(every, 0.5), "s"),
        Figure("f", "reaction to a child's change, worst", max(every), "s"),
    ]


async def _reaction(stage: Stage, watcher: Watcher, child: Child, *, delete: bool) -> float | None:
    path = kind_of(child[0]).path(child[1], child[2])
    body = await stage.hand.request("GET", path)
    if delete:
        uid = body["metadata"]["uid"]
        repaired = watcher.expect(child, lambda found: found["metadata"]["uid"] != uid)
        began = time.monotonic()
        await stage.hand.request("DELETE", path)
    else:
        change = change_for(child[0], body)
        seen = False

        def fits(found: dict[str, Any]) -> bool:
            # Controllers write to children too: only what comes after the edit itself can be its repair.
            nonlocal seen
            edited = holds(change, found)
            seen = seen or edited
            return seen and not edited

        repaired = watcher.expect(child, fits)
        began = time.monotonic()
        await stage.hand.merge(path, change)
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(repaired, PATIENCE) - began
    return None
