"""What is written in one turn of the loop goes out at once, in order, and before a close."""

from __future__ import annotations

import asyncio
from typing import cast

from pronote_server.gathered_writes import MAX_KEPT_BYTES, GatheredWrites


class Recorded:
    """A transport that remembers what happens to it."""

    def __init__(self) -> None:
        self.happened: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.happened.append(bytes(data))

    def close(self) -> None:
        self.happened.append("close")

    def abort(self) -> None:
        self.happened.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.happened or "abort" in self.happened

    def get_extra_info(self, name: str) -> str:
        return f"extra {name}"


def gathered() -> tuple[Recorded, GatheredWrites]:
    recorded = Recorded()
    return recorded, GatheredWrites(cast("asyncio.Transport", recorded), asyncio.get_running_loop())


async def test_head_and_body_go_out_together_at_the_end_of_the_turn() -> None:
    recorded, transport = gathered()
    for part in (b"head", b"", b"body"):
        transport.write(part)
    assert recorded.happened == []
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)
    assert recorded.happened == [b"headbody", b"next"]


async def test_a_close_comes_after_what_was_written() -> None:
    recorded, transport = gathered()
    transport.write(b"head")
    transport.close()
    await asyncio.sleep(0)
    assert recorded.happened == [b"head", "close"]


async def test_an_abort_drops_what_was_written() -> None:
    recorded, transport = gathered()
    transport.write(b"head")
    transport.abort()
    await asyncio.sleep(0)
    assert recorded.happened == ["abort"]


async def test_what_is_large_does_not_wait() -> None:
    recorded, transport = gathered()
    transport.write(b"head")
    transport.write(b"x" * MAX_KEPT_BYTES)
    assert [len(part) for part in recorded.happened] == [4 + MAX_KEPT_BYTES]
    transport.write(b"rest")
    await asyncio.sleep(0)
    assert recorded.happened[1:] == [b"rest"]


async def test_the_rest_is_the_transports_own() -> None:
    _, transport = gathered()
    assert transport.get_extra_info("peername") == "extra peername"
