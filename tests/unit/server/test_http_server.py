"""The listeners' bounds."""

from __future__ import annotations

import asyncio
import time

from starlette.responses import Response

from pronote_net.run import VISITOR_BOUNDS
from pronote_server.http_server import Bounds, HttpServer, listen_on_loopback

TRAEFIK_KEEPS_SECONDS = 90
"""Its connections to replicas, by default; nginx keeps them for 60 seconds."""


async def test_a_connection_without_a_request_is_kept_as_long_as_its_listener_says() -> None:
    with listen_on_loopback(0) as sock:
        server = HttpServer(Response(), sock, Bounds(connections=4, drain_seconds=1, keep_alive_seconds=1))
        serving = asyncio.create_task(server.serve())
        await server.listening.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", sock.getsockname()[1])
        writer.write(b"GET / HTTP/1.1\r\nhost: school.test\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert await asyncio.wait_for(reader.read(), 20) == b""
        assert time.monotonic() - began > 0.9
        writer.close()
        server.stop()
        await serving


def test_replicas_keep_connections_longer_than_proxies_do() -> None:
    assert VISITOR_BOUNDS.keep_alive_seconds > TRAEFIK_KEEPS_SECONDS
