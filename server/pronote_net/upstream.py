"""The server, as a replica asks it: over pooled connections, TLS and the token (docs/reference/net-api.md)."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

from pronote_server.errors import StartError
from pronote_server.watch import signature

if TYPE_CHECKING:
    from pathlib import Path

    from pronote_net.config import NetConfig
    from pronote_net.metrics import Metrics
    from pronote_server.addresses import Address

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 20.0
"""A burst of logins waits in the server, since each password costs it time on purpose."""

POOL_SECONDS: Final = 5.0
CONNECTIONS: Final = 100
IDLE_SECONDS: Final = 30.0
"""Less than the server keeps a connection without requests: otherwise requests would meet it closing."""

RETRY_SECONDS: Final = 0.2
"""A server that restarts, or a Service that changes, refuses connections for a moment."""

RELOAD_SECONDS: Final = 1.0
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


class Upstream:
    """The server.

    Args:
        config: Where it is, and the files with the token and the authority; both are read again when they change.
    """

    def __init__(self, config: NetConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._token = _read_token(config.token)
        self._client = _client(config)
        self._files = (config.token, config.authority)
        self._seen = signature(self._files)
        self._looked = time.monotonic()
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, visit: Visit | None, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask, and return the JSON answer; empty for 204.

        Raises:
            Refused: By the server, or because it does not answer.
        """
        answer, content = await self._send(method, path, visit, document=body)
        if answer.status_code == 204:
            return {}
        found = _json(content)
        if answer.status_code != 200:
            raise _refusal(answer, found)
        if not isinstance(found, dict):
            raise away()
        return found

    async def call(self, path: str, visit: Visit, content: bytes) -> bytes:
        """Pass a message of the web protocol on, and return the answer.

        Raises:
            Refused: By the server, or because it does not answer.
        """
        answer, found = await self._send("POST", path, visit, content=content)
        if answer.status_code != 200:
            raise _refusal(answer, _json(found))
        return found

    async def _send(
        self, method: str, path: str, visit: Visit | None, *, document: Any = None, content: bytes | None = None
    ) -> tuple[httpx.Response, bytes]:
        self._look()
        headers = {"authorization": f"Bearer {self._token}", **({} if visit is None else visit.headers())}
        if content is not None:
            headers["content-type"] = "application/json"
        request = self._client.build_request(
            method, self._config.server + path, headers=headers, json=document, content=content
        )
        try:
            try:
                return await self._once(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                # Nothing was sent: it can be asked again whatever it is.
                await asyncio.sleep(RETRY_SECONDS)
                return await self._once(request)
        except httpx.TimeoutException:
            self._metrics.upstream_errors.labels("timeout").inc()
        except httpx.ConnectError:
            self._metrics.upstream_errors.labels("connect").inc()
        except httpx.HTTPError:
            self._metrics.upstream_errors.labels("broken").inc()
        raise away()

    async def _once(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        answer = await self._client.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise httpx.ReadError("the answer is too large")
        finally:
            await answer.aclose()
        return answer, bytes(content)

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
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _close_later(client: httpx.AsyncClient) -> None:
    await asyncio.sleep(READ_SECONDS)
    await client.aclose()


def _read_token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            token = file.read(MAX_TOKEN_BYTES + 1).strip().decode("ascii")
    except (OSError, UnicodeDecodeError):
        raise StartError("PRONOTE_NET_TOKEN names a file that cannot be read.") from None
    if not token or len(token) > MAX_TOKEN_BYTES or not token.isprintable() or " " in token:
        raise StartError("The file that PRONOTE_NET_TOKEN names must hold one token.")
    return token


def _client(config: NetConfig) -> httpx.AsyncClient:
    try:
        context = ssl.create_default_context(cafile=str(config.authority))
    except (OSError, ssl.SSLError):
        raise StartError("PRONOTE_NET_CA names a file that is no certificate of an authority.") from None
    return httpx.AsyncClient(
        verify=context,
        trust_env=False,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=POOL_SECONDS),
        limits=httpx.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS
        ),
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _refusal(answer: httpx.Response, found: Any) -> Refused:
    reason = found.get("reason") if isinstance(found, dict) else None
    if answer.status_code == 401 and reason == "WrongToken":
        log.error("The server does not know the token")
        return away()
    if not 400 <= answer.status_code < 600 or not isinstance(reason, str):
        return away()
    after = answer.headers.get("retry-after", "")
    return Refused(answer.status_code, reason, int(after) if after.isascii() and after.isdigit() else None)
