"""What a reflector tells: each object as it is, and each that is gone, also when that was never streamed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from pronote_operator.cluster.kinds import CONFIG_MAPS, Kind
from pronote_operator.cluster.pulse import Pulse
from pronote_operator.cluster.reflector import Listener, Reflector
from pronote_operator.errors import ApiError

Object = dict[str, Any]


def named(namespace: str, name: str, version: int = 1) -> Object:
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": str(version)}}


class Streams:
    """An API server whose lists and watches are written down: a watch that has told all is too old."""

    def __init__(self, *terms: tuple[list[Object], list[tuple[str, Object]]]) -> None:
        self._lists = iter([listed for listed, _ in terms])
        self._watches = iter([events for _, events in terms])
        self.over = asyncio.Event()

    async def pages(self, *_: object, **__: object) -> AsyncIterator[Object]:
        listed = next(self._lists, None)
        if listed is None:
            self.over.set()
            await asyncio.sleep(60)
        yield {"items": listed, "metadata": {"resourceVersion": "9"}}

    async def watch(self, *_: object, **__: object) -> AsyncIterator[Object]:
        for type_, body in next(self._watches):
            yield {"type": type_, "object": body}
        raise ApiError(410, "Expired", "too old")


async def told(streams: Streams) -> list[str]:
    said: list[str] = []

    def seen(_: Kind, body: Object) -> None:
        said.append(f"{body['metadata']['namespace']}/{body['metadata']['name']}")

    listener = Listener(
        seen=seen,
        gone=lambda _, namespace, name: said.append(f"gone {namespace}/{name}"),
        synced=lambda *_: said.append("synced"),
    )
    reflector = Reflector(streams, CONFIG_MAPS, None, listener=listener, pulse=Pulse())  # type: ignore[arg-type]
    task = asyncio.create_task(reflector.run())
    async with asyncio.timeout(5):
        await streams.over.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return said


async def test_what_a_watch_tells_is_told() -> None:
    streams = Streams(
        ([named("a", "x")], [("ADDED", named("b", "x", 10)), ("DELETED", named("a", "x", 11))]),
    )
    assert await told(streams) == ["a/x", "synced", "b/x", "gone a/x"]


async def test_what_vanished_while_nothing_was_streamed_is_told_at_the_next_list_and_once() -> None:
    streams = Streams(
        ([named("a", "x"), named("a", "y"), named("b", "x")], [("ADDED", named("c", "z", 10))]),
        ([named("a", "y")], []),
        ([named("a", "y")], []),
    )
    said = await told(streams)
    assert said[:6] == ["a/x", "a/y", "b/x", "synced", "c/z", "a/y"]
    assert sorted(said[6:9]) == ["gone a/x", "gone b/x", "gone c/z"]
    assert said[9:] == ["synced", "a/y", "synced"]


async def test_what_a_watch_told_gone_is_not_told_again_at_the_next_list() -> None:
    streams = Streams(
        ([named("a", "x")], [("DELETED", named("a", "x", 10)), ("DELETED", named("a", "x", 10))]),
        ([], []),
    )
    assert await told(streams) == ["a/x", "synced", "gone a/x", "gone a/x", "synced"]
