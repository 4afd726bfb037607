"""The server, as a replica asks it: over pooled connections, TLS and the token (docs/reference/net-api.md)."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from pronote_server.errors import StartError
from pronote_server.http_server import bound_tls_buffers
from pronote_server.watch import signature

if TYPE_CHECKING:
    from pathlib import Path

    from pronote_net.config import NetConfig
    from pronote_net.metrics import Metrics
    from pronote_server.addresses import Address

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 20.0
"""A burst of logins waits in the server, since each password costs it time on purpose."""

WAITING_SECONDS: Final = 5.0
"""For one of the connections. Whoever waits longer is told so: the server has more to do than it can."""

WHOLE_SECONDS: Final = 25.0
"""From the first attempt's beginning to its answer's end, however slowly that comes."""

CONNECTIONS: Final = 100
IDLE_SECONDS: Final = 30.0
"""Less than the server keeps a connection without requests: otherwise requests would meet it closing."""

RETRY_SECONDS: Final = 0.2
"""A server that restarts, or a Service that changes, refuses connections for a moment."""

RELOAD_SECONDS: Final = 1.0
PAGES: Final = "/net/v1/pages"
MAX_TOKEN_BYTES: Final = 4096
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024

log = logging.getLogger("pronote_net")


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The server refuses a request.

    Args:
        status: HTTP status.
        reason: CamelCase word of the contract.
        retry_after: Value of the Retry-After header, seconds.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


def away() -> Refused:
    """Return what is told when the server does not answer, or not as agreed."""
    return Refused(503, "OutOfService", 10)


@dataclass(frozen=True)
class Visit:
    """For whom the server is asked.

    Attributes:
        address: The visitor's.
        session: Token of the session in a browser; empty without one.
    """

    address: Address
    session: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers that tell it."""
        found = {"x-visitor-address": str(self.address)}
        if self.session:
            found["x-pronote-session"] = self.session
        return found


@dataclass(frozen=True)
class _Answer:
    status: int
    retry_after: str
    content: bytes = field(repr=False)


class _TooLarge(aiohttp.ClientError):
    """An answer that no server of ours gives."""


class Upstream:
    """The server. Made and closed in the event loop.

    Args:
        config: Where it is, and the files with the token and the authority; both are read again when they change.
    """

    def __init__(self, config: NetConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._token = _read_token(config.token)
        self._client = _client(config)
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._files = (config.token, config.authority)
        self._seen = signature(self._files)
        self._looked = time.monotonic()
        self._closing: dict[asyncio.Task[None], aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close the connections."""
        for task, client in list(self._closing.items()):
            task.cancel()
            await client.close()
        await self._client.close()

    async def ask(
        self, method: str, path: str, visit: Visit | None, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask, and return the JSON answer; empty for 204.

        Raises:
            Refused: By the server, or because it does not answer.
        """
        # Of all that is posted only the opening of a page changes nothing when it is done twice: passwords are counted,
        # tickets and one-time logins are used up.
        repeatable = method != "POST" or path == PAGES
        content = None if body is None else json.dumps(body).encode()
        answer = await self._send(method, path, visit, content, repeatable=repeatable)
        if answer.status == 204:
            return {}
        found = _json(answer.content)
        if answer.status != 200:
            raise _refusal(answer, found)
        if not isinstance(found, dict):
            raise away()
        return found

    async def call(self, path: str, visit: Visit, content: bytes) -> bytes:
        """Pass a message of the web protocol on, and return the answer.

        Raises:
            Refused: By the server, or because it does not answer.
        """
        # The server gives a message that comes twice the same answer twice.
        answer = await self._send("POST", path, visit, content, repeatable=True)
        if answer.status != 200:
            raise _refusal(answer, _json(answer.content))
        return answer.content

    async def _send(
        self, method: str, path: str, visit: Visit | None, content: bytes | None, *, repeatable: bool
    ) -> _Answer:
        self._look()
        headers = {"authorization": f"Bearer {self._token}", **({} if visit is None else visit.headers())}
        if content is not None:
            headers["content-type"] = "application/json"
        url = self._config.server + path
        try:
            await self._take_place()
            try:
                try:
                    return await self._once(method, url, headers, content)
                except aiohttp.ClientError as error:
                    if not may_ask_again(error, repeatable=repeatable):
                        raise
                await asyncio.sleep(RETRY_SECONDS)
                return await self._once(method, url, headers, content)
            finally:
                self._places.release()
        except TimeoutError:
            self._metrics.upstream_errors.labels("timeout").inc()
        except aiohttp.ClientConnectorError:
            self._metrics.upstream_errors.labels("connect").inc()
        except aiohttp.ClientError:
            self._metrics.upstream_errors.labels("broken").inc()
        raise away()

    async def _take_place(self) -> None:
        # aiohttp's own queue for connections cannot be told from a connection that does not come about.
        if self._places.locked():
            async with asyncio.timeout(WAITING_SECONDS):
                await self._places.acquire()
        else:
            await self._places.acquire()

    async def _once(self, method: str, url: str, headers: dict[str, str], content: bytes | None) -> _Answer:
        async with self._client.request(method, url, headers=headers, data=content, allow_redirects=False) as answer:
            found = bytearray()
            async for chunk in answer.content.iter_any():
                found += chunk
                if len(found) > MAX_ANSWER_BYTES:
                    raise _TooLarge
            return _Answer(answer.status, answer.headers.get("retry-after", ""), bytes(found))

    def _look(self) -> None:
        """Take over a token or an authority that has changed; what cannot be used leaves the earlier one in force."""
        now = time.monotonic()
        if now - self._looked < RELOAD_SECONDS:
            return
        self._looked = now
        present = signature(self._files)
        if present == self._seen:
            return
        self._seen = present
        try:
            token, client = _read_token(self._config.token), _client(self._config)
        except StartError as error:
            log.error("Token and authority not taken over: %s", error)
            return
        before, self._token, self._client = self._client, token, client
        closing = asyncio.create_task(_close_later(before))
        self._closing[closing] = before
        closing.add_done_callback(self._closing.pop)


def may_ask_again(error: aiohttp.ClientError, *, repeatable: bool) -> bool:
    """Tell whether a request that has failed may be sent once more.

    Args:
        error: How it failed.
        repeatable: Nothing changes when the server does it twice.
    """
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        # Nothing was sent.
        return True
    # A server that stops closes the connections that it keeps, perhaps while a request is on its way; whether it was
    # read nobody knows. A server that does not answer in time has it, and is not given more to do.
    return repeatable and isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)


async def _close_later(client: aiohttp.ClientSession) -> None:
    await asyncio.sleep(WHOLE_SECONDS)
    await client.close()


def _read_token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            token = file.read(MAX_TOKEN_BYTES + 1).strip().decode("ascii")
    except (OSError, UnicodeDecodeError):
        raise StartError("PRONOTE_NET_TOKEN names a file that cannot be read.") from None
    if not token or len(token) > MAX_TOKEN_BYTES or not token.isprintable() or " " in token:
        raise StartError("The file that PRONOTE_NET_TOKEN names must hold one token.")
    return token


def _client(config: NetConfig) -> aiohttp.ClientSession:
    try:
        context = ssl.create_default_context(cafile=str(config.authority))
    except (OSError, ssl.SSLError):
        raise StartError("PRONOTE_NET_CA names a file that is no certificate of an authority.") from None
    bound_tls_buffers()
    # No limit here, and no memory of addresses: `_places` is the limit, and a server that moves is found at once.
    connector = aiohttp.TCPConnector(limit=0, ssl=context, use_dns_cache=False, keepalive_timeout=IDLE_SECONDS)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=WHOLE_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
        skip_auto_headers=("accept", "accept-encoding", "user-agent"),
        # Nothing is asked for in a compressed form, and nothing is inflated.
        auto_decompress=False,
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _refusal(answer: _Answer, found: Any) -> Refused:
    reason = found.get("reason") if isinstance(found, dict) else None
    if answer.status == 401 and reason == "WrongToken":
        log.error("The server does not know the token")
        return away()
    if not 400 <= answer.status < 600 or not isinstance(reason, str):
        return away()
    after = answer.retry_after
    return Refused(answer.status, reason, int(after) if after.isascii() and after.isdigit() else None)
