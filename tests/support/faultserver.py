"""The fault proxy's own half: the HTTP server that passes requests on, on one event loop. Tests use `faultproxy`."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from typing import Final, NoReturn

import aiohttp
import yarl
from aiohttp import web
from multidict import CIMultiDict

from tests.support.faults import Faults, When
from tests.support.kubeconfig import Upstream
from tests.support.requestlog import Entry, RequestLog, is_watch, since

GONE: Final = (
    '{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    '"message":"too old resource version","reason":"Expired","code":410}}\n'
)
"""How the API server ends a watch from a resource version that it does not keep any more."""

HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"}
)


class FaultServer:
    """Everything here is called on one loop.

    Args:
        port: to listen on; 0 takes a free one at `start` and keeps it.
    """

    def __init__(self, upstream: Upstream, log: RequestLog, port: int) -> None:
        self._upstream = upstream
        self._log = log
        self.port = port
        self.faults = Faults()
        self.watches: dict[asyncio.Transport, str] = {}
        """Connections of open watches, and the paths of these."""
        self.compacted = 0
        """Watches from before this resource version are told 410."""
        self.told_gone = 0
        self._reopening: asyncio.Task[None] | None = None
        self._site: web.TCPSite | None = None

    async def start(self) -> None:
        """Listen."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._upstream.tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        application = web.Application(client_max_size=64 << 20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # A caller that goes away ends its watches, and the writes that were held back while it was killed.
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0, handler_cancellation=True, logger=_logger()
        )
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Reset every connection and end."""
        if self._reopening:
            self._reopening.cancel()
        self._abort_all()
        await self._runner.cleanup()
        await self._session.close()

    async def heal(self) -> None:
        """End every fault."""
        faults, self.faults = self.faults, Faults()
        if faults.black_hole:
            self._abort_all()
        elif faults.deaf:
            for connection in [connection for connection, path in self.watches.items() if faults.deaf(path)]:
                _reset(connection)
        faults.open_for_writes.set()
        faults.healed.set()
        if self._reopening:
            self._reopening.cancel()
        if self._site is None:
            await self._listen()

    async def refuse(self, seconds: float | None) -> None:
        """Reset every connection and do not listen, for so many seconds or until `heal`."""
        if self._reopening:
            self._reopening.cancel()
        if self._site:
            await self._site.stop()
            self._site = None
        self._abort_all()
        if seconds is not None:
            self._reopening = asyncio.create_task(self._reopen(seconds))

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._site is None:
            await self._listen()

    def begin_black_hole(self) -> None:
        """From now on nothing is answered."""
        self.faults.black_hole = True
        self.faults.healed.clear()

    def _abort_all(self) -> None:
        for connection in list(self._runner.server.connections) if self._runner.server else []:
            if connection.transport:
                _reset(connection.transport)

    def abort_watches(self, path: str) -> int:
        """Reset the watches whose path contains ``path``; their number."""
        found = [connection for connection, of in self.watches.items() if path in of]
        for connection in found:
            _reset(connection)
        return len(found)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        came = time.time()
        path, _, query = request.raw_path.partition("?")
        body = await request.read()
        if self.faults.latency and not is_watch(request.method, query):
            await asyncio.sleep(self.faults.latency)
        # Nothing is awaited from here until a write is on its way: writes go to the API server in the order of their
        # numbers, and none overtakes one that has a fault.
        entry = self._log.begin(request.method, path, query, request.headers.get("User-Agent", ""), came)
        if "Upgrade" in request.headers:
            entry.update(status=501, fault="upgrade")
            return web.Response(status=501, text="the fault proxy passes no upgraded connections\n")
        await self._unless_black_hole(entry, request)
        if entry.record.watch and 0 < since(query) < self.compacted:
            self.told_gone += 1
            entry.update(status=200, fault="gone")
            return web.Response(text=GONE, content_type="application/json")
        if entry.record.method not in ("GET", "HEAD"):
            await self._until_open_for_writes()
            await self._play(entry, "before", request)
            # A write that was passed on is carried through even when the caller dies meanwhile.
            passing = asyncio.ensure_future(self._pass_write(request, body, entry))
            passing.add_done_callback(lambda done: done.cancelled() or done.exception())
            return await asyncio.shield(passing)
        return await self._pass_stream(request, body, entry)

    async def _until_open_for_writes(self) -> None:
        if not self.faults.open_for_writes.is_set():
            await self.faults.open_for_writes.wait()
            # Time to notice that the caller is the process that was killed, which ends this handler.
            await asyncio.sleep(0.05)

    async def _unless_black_hole(self, entry: Entry, request: web.Request) -> None:
        if self.faults.black_hole:
            entry.update(fault="black hole")
            await self.faults.healed.wait()
            _drop(request)

    async def _play(self, entry: Entry, when: When, request: web.Request) -> None:
        faults = self.faults
        fault = faults.due(entry.record, when)
        if fault is None:
            return
        entry.update(fault=f"dropped {when}")
        faults.open_for_writes.clear()
        killing = asyncio.get_running_loop().run_in_executor(None, fault.kill)

        def done(killed: asyncio.Future[object]) -> None:
            faults.open_for_writes.set()
            fault.fired.set()
            if not killed.cancelled() and (error := killed.exception()):
                logging.getLogger(__name__).error("the kill at write %s failed: %s", fault.write, error)

        # Not in this handler: it is cancelled as soon as the caller dies, when `kill` has not returned yet.
        killing.add_done_callback(done)
        await asyncio.shield(killing)
        _drop(request)

    async def _pass_write(self, request: web.Request, body: bytes, entry: Entry) -> web.StreamResponse:
        try:
            async with self._ask(request, body) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            entry.update(fault=f"upstream: {type(error).__name__}")
            _drop(request)
        entry.update(status=response.status, seconds=time.time() - entry.record.time)
        await self._play(entry, "after", request)
        await self._unless_black_hole(entry, request)
        return web.Response(status=response.status, reason=response.reason, headers=_end_to_end(response), body=content)

    async def _pass_stream(self, request: web.Request, body: bytes, entry: Entry) -> web.StreamResponse:
        watch, path = entry.record.watch, entry.record.path
        connection = request.transport
        if watch and connection:
            self.watches[connection] = path
        try:
            async with self._ask(request, body) as response:
                answer = web.StreamResponse(
                    status=response.status, reason=response.reason, headers=_end_to_end(response)
                )
                entry.update(status=response.status)
                await answer.prepare(request)
                async for part in response.content.iter_any():
                    await self._unless_black_hole(entry, request)
                    if watch and self.faults.deaf and self.faults.deaf(path):
                        entry.update(fault="deaf")
                        continue
                    if entry.record.fault == "deaf":
                        # Something is missing before this part: the caller must not read on.
                        _drop(request)
                    await answer.write(part)
                if watch and self.faults.deaf and self.faults.deaf(path):
                    # A deaf connection does not tell its end either; it lasts until somebody resets it.
                    entry.update(fault="deaf")
                    await asyncio.Event().wait()
                await self._unless_black_hole(entry, request)
                await answer.write_eof()
                return answer
        except (aiohttp.ClientError, OSError) as error:
            if not isinstance(error, ConnectionResetError):
                entry.update(fault=f"upstream: {type(error).__name__}")
            _drop(request)
        finally:
            entry.update(seconds=time.time() - entry.record.time)
            if connection:
                self.watches.pop(connection, None)

    def _ask(self, request: web.Request, body: bytes) -> aiohttp.client._RequestContextManager:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in HOP_BY_HOP and name.lower() not in ("host", "content-length")
        }
        if self._upstream.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self._upstream.token}"
        return self._session.request(
            request.method,
            yarl.URL(self._upstream.url + request.raw_path, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
        )


def _logger() -> logging.Logger:
    """The web server's own logger, without what a dropped connection makes it say."""
    logger = logging.getLogger("tests.faultproxy")
    logger.addFilter(_unexpected)
    return logger


def _unexpected(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ConnectionResetError))


def _end_to_end(response: aiohttp.ClientResponse) -> CIMultiDict[str]:
    found: CIMultiDict[str] = CIMultiDict()
    for name, value in response.headers.items():
        if name.lower() not in HOP_BY_HOP and name.lower() != "content-length":
            found.add(name, value)
    return found


def _reset(connection: asyncio.BaseTransport) -> None:
    """End a connection as a dead host would: with RST, what was not sent yet is lost."""
    if isinstance(connection, asyncio.Transport):
        plain = connection.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.abort()


def _drop(request: web.Request) -> NoReturn:
    """Reset the caller's connection and end its handler."""
    if request.transport:
        _reset(request.transport)
    raise ConnectionResetError("dropped by the fault proxy")
