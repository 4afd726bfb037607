"""A small HTTP server in a thread, as much of an API server as the fault proxy can tell: writes, answers, watches."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import threading
from types import TracebackType
from typing import Self

from aiohttp import web


class SmallApiServer:
    """Remembers the writes that reached it; a watch sends one numbered line every 20 ms.

    Args:
        tls: to speak TLS with.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self.committed: list[str] = []
        """Bodies of the writes, in order."""
        self.headers: list[dict[str, str]] = []
        """Headers of every request."""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.port = int(self._runner.addresses[0][1])

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if request.query.get("watch") == "true":
            return await self._watch(request)
        if request.method != "GET":
            self.committed.append((await request.read()).decode())
            return web.json_response({"committed": len(self.committed)}, status=201)
        if request.path == "/packed":
            headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
            return web.Response(body=gzip.compress(b'{"packed":true}'), headers=headers)
        answer = web.json_response({"path": request.raw_path})
        answer.headers.extend([("Warning", "299 - one"), ("Warning", "299 - two")])
        return answer

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        number = 0
        while request.transport and not request.transport.is_closing():
            await answer.write(json.dumps({"line": number}).encode() + b"\n")
            number += 1
            await asyncio.sleep(0.02)
        return answer
