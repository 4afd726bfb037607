"""uvicorn, with the bounds that a server on a school's network needs.

uvicorn has no time-out for a request that never comes to an end, and counts a connection only once its TLS handshake
is done. Here every connection has a deadline for its handshake and for each request's head, and connections past the
limit are dropped at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from asyncio.sslproto import SSLProtocol
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pronote_server.gathered_writes import GatheredWrites

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

    from starlette.types import ASGIApp

HANDSHAKE_SECONDS: Final = 10
"""A TLS handshake takes no longer, over any line that a Client can be used on."""

SHUTDOWN_SECONDS: Final = 2
"""How long a peer may take to say goodbye in TLS: silent ones must not delay the stop."""

TLS_BUFFER_BYTES: Final = 16 * 1024
"""Read buffer of a TLS connection: one TLS record. With asyncio's 256 KiB a thousand idle Clients cost 256 MiB."""

HEAD_SECONDS: Final = 10
"""From the first byte of a connection, or of a further request on it, to the end of the request's head."""

HEAD_BYTES: Final = 16 * 1024
"""Largest head of a request."""

KEEP_ALIVE_SECONDS: Final = 75
"""Of a connection without a request, unless the listener says another time: Clients ask again within two minutes at
most."""

BACKLOG: Final = 512
"""Connections that the kernel holds until they are accepted."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with a deadline for the head of each request and a limit of connections."""

    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the deadline of the first request, or drop a connection past the limit."""
        super().connection_made(cast("asyncio.Transport", GatheredWrites(transport, self.loop)))
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            transport.abort()
            return
        self._begin_head()

    def data_received(self, data: bytes) -> None:
        """Begin the deadline of a further request with its first byte."""
        if self._head_deadline is None and not self._is_answering():
            self._begin_head()
        super().data_received(data)
        if self._is_answering():
            self._end_head()

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        self._end_head()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._end_head()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _begin_head(self) -> None:
        self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _end_head(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _too_slow(self) -> None:
        self._head_deadline = None
        if not self._is_answering():
            self.transport.abort()


@dataclass(frozen=True)
class Bounds:
    """Bounds of one listener.

    Attributes:
        connections: TCP connections at the same time.
        drain_seconds: Requests that run longer after `stop` are cancelled.
        keep_alive_seconds: A connection without a request is kept that long.
    """

    connections: int
    drain_seconds: int
    keep_alive_seconds: int = KEEP_ALIVE_SECONDS


class HttpServer(uvicorn.Server):
    """One listener; started and stopped by the process, which handles the signals itself."""

    def __init__(self, app: ASGIApp, sock: socket.socket, bounds: Bounds, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                loop="asyncio",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                limit_concurrency=bounds.connections,
                timeout_keep_alive=bounds.keep_alive_seconds,
                timeout_graceful_shutdown=bounds.drain_seconds,
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )
        self._socket = sock
        self._tls = tls
        self._stop = asyncio.Event()
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen. uvicorn's own has no time-out for the handshake."""
        loop = asyncio.get_running_loop()
        tls: dict[str, Any] = {}
        if self._tls is not None:
            bound_tls_buffers()
            tls = {
                "ssl": self._tls,
                "ssl_handshake_timeout": HANDSHAKE_SECONDS,
                "ssl_shutdown_timeout": SHUTDOWN_SECONDS,
            }
        self.servers = [
            await loop.create_server(
                lambda: BoundedProtocol(self.config, self.server_state, {}), sock=self._socket, backlog=BACKLOG, **tls
            )
        ]
        self.started = True
        self.listening.set()

    async def main_loop(self) -> None:
        """Wait to be stopped, without uvicorn's ten wake-ups a second."""
        await self._stop.wait()

    def stop(self) -> None:
        """Accept no more connections, answer what is being asked, then end `serve`."""
        self._stop.set()


def http_date() -> bytes:
    """Return the present time for the header `Date`."""
    return _http_date(int(time.time()))


@lru_cache(maxsize=1)
def _http_date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


def bound_tls_buffers() -> None:
    """Give every TLS connection that this process opens from now on a buffer of `TLS_BUFFER_BYTES`."""
    SSLProtocol.max_size = TLS_BUFFER_BYTES


def listen_everywhere(port: int) -> socket.socket:
    """Open a port on every address, IPv4 and IPv6 where the host has both.

    Raises:
        OSError: The port is taken.
    """
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return _at_once(
                socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
            )
    return _at_once(socket.create_server(("", port), backlog=BACKLOG))


def listen_on_loopback(port: int) -> socket.socket:
    """Open a port on 127.0.0.1 only.

    Raises:
        OSError: The port is taken.
    """
    return _at_once(socket.create_server(("127.0.0.1", port), backlog=BACKLOG))


def _at_once(listener: socket.socket) -> socket.socket:
    # Connections inherit it. asyncio sets it only on sockets that were made with the protocol's number, and without it
    # the second half of each answer waits 40 ms for the peer's acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
