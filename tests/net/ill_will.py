"""What tests of ill will share: visitors from addresses of their own, and how much the processes have grown."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from tests.support.net_server import PASSWORD
from tests.support.webclients import WebClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.net_server import NetServer
    from tests.support.replica import Replica

VICTIM, ATTACKER, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
"""Addresses that visitors come from: all of 127.0.0.0/8 is this machine."""

PARALLEL = 20
"""Visitors at the same time where there are thousands."""

GROWTH_KIB = 16 * 1024
"""How much a process may grow by any of it: the bounded tables fill, and the allocator keeps some."""


def visits(address: str) -> aiohttp.ClientSession:
    """Connections of a visitor who comes from an address."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(local_addr=(address, 0), limit=32),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=30),
    )


@contextlib.asynccontextmanager
async def somebody(url: str) -> AsyncIterator[WebClient]:
    """Somebody (dupont) who is logged in on a page, and goes on after whatever the test did."""
    async with visits(VICTIM) as http:
        client = WebClient(http, url)
        await client.log_in("dupont", PASSWORD)
        yield client
        await client.stay()


def memories(server: NetServer, replica: Replica) -> dict[str, int]:
    """Resident memory of both processes, KiB; it fails when one has ended."""
    assert server.running.poll() is None, server.log[-2000:]
    assert replica.process is not None
    assert replica.process.poll() is None, replica.log.read_text()[-2000:]
    return {"server": _memory(server.running.pid), "replica": _memory(replica.process.pid)}


def assert_flat(what: str, before: dict[str, int], after: dict[str, int], limit: int = GROWTH_KIB) -> None:
    """The processes have not grown by more than they may; both figures are printed.

    Args:
        limit: KiB.
    """
    print(f"{what}: KiB before {before}, after {after}")
    grown = {name: after[name] - before[name] for name in before}
    assert max(grown.values()) < limit, grown


def _memory(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
