"""A small HTTP server in a thread, as much of an API server as the fault proxy can tell: writes, answers, watches."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl

from aiohttp import web

from tests.support.threaded import ThreadedServer


class SmallApiServer(ThreadedServer):
    """Remembers the writes that reached it; a watch sends one numbered line every 20 ms.

    Args:
        tls: to speak TLS with.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.committed: list[str] = []
        """Bodies of the writes, in order."""
        self.headers: list[dict[str, str]] = []
        """Headers of every request."""

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
