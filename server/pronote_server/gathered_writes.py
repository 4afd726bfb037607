"""Hands what is written to a connection in one turn of the event loop on at once.

uvicorn writes the head and the body of an answer one after the other. Under TLS that is two records, two system calls,
and as many again for whoever reads them: a twentieth of what a small answer costs on either side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

MAX_KEPT_BYTES: Final = 64 * 1024
"""More is handed on at once: an answer in many parts may be written without a turn of the loop in between."""


class GatheredWrites:
    """A transport in front of another; what is not about writing is that other's own.

    Args:
        transport: The connection's.
        loop: Its event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._kept: list[bytes] = []
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Write at the end of this turn of the loop."""
        if not data:
            return
        if not self._kept:
            self._loop.call_soon(self._hand_on)
        self._kept.append(data)
        self._bytes += len(data)
        if self._bytes > MAX_KEPT_BYTES:
            self._hand_on()

    def close(self) -> None:
        """Close once everything is written."""
        self._hand_on()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._kept, self._bytes = [], 0
        self._transport.abort()

    def _hand_on(self) -> None:
        kept, self._kept, self._bytes = self._kept, [], 0
        if kept and not self._transport.is_closing():
            self._transport.write(b"".join(kept))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
