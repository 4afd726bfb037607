"""The agent's client of the server's admin API, on loopback."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
import yarl

PROBE_SECONDS: Final = 0.8
"""Less than the second after which the kubelet gives up: so the agent's own answer, with the reason, arrives."""

PROBE_LIFE_SECONDS: Final = 0.5
"""For how long one answer of the server serves every prober."""

SCRAPE_SECONDS: Final = 5.0

PROBE_BYTES: Final = 16 << 10
SCRAPE_BYTES: Final = 4 << 20
ANSWER_BYTES: Final = 4 << 20
"""Bounds of the server's answers."""

PASSED_BACK: Final = ("Content-Type", "Retry-After")
"""Headers of the server's answer that a caller gets; no hop-by-hop header is among them."""


class ServerError(Exception):
    """The server gave no answer that can be used.

    Args:
        reason: CamelCase.
        message: one sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Answer:
    """The server's answer to one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Health:
    """What the server says of itself on ``/livez`` or ``/readyz``."""

    good: bool
    reason: str
    message: str


class Server:
    """The admin API at ``url``. One object per process, closed at its end."""

    def __init__(self, url: str) -> None:
        self._url = yarl.URL(url)
        # Checkpoints may take many connections for minutes: probes and metrics do not wait in the same queue.
        self._quick = _session(connections=4)
        self._slow = _session(connections=16)

    async def close(self) -> None:
        """Close the connections; requests under way fail."""
        await self._quick.close()
        await self._slow.close()

    async def health(self, path: str) -> Health:
        """Ask for ``/livez`` or ``/readyz``. Never raises: no answer is bad health, with the reason."""
        try:
            answer = await self._ask(self._quick, "GET", path, seconds=PROBE_SECONDS, most=PROBE_BYTES)
        except ServerError as error:
            return Health(False, error.reason, error.message)
        if answer.status == 200:
            return Health(True, "Ok", "")
        return Health(False, *_said(answer))

    async def school_year(self) -> int:
        """The school year that the server serves, by its ``/v1/info``; it tells from the first moment of its start.

        Raises:
            ServerError: no answer, or one without a year.
        """
        answer = await self._ask(self._quick, "GET", "/v1/info", seconds=PROBE_SECONDS, most=PROBE_BYTES)
        try:
            year = json.loads(answer.body)["schoolYear"] if answer.status == 200 else None
        except (ValueError, KeyError, TypeError):
            year = None
        if isinstance(year, bool) or not isinstance(year, int):
            raise ServerError("ServerAnswerInvalid", f"the server's /v1/info ({answer.status}) names no school year")
        return year

    async def metrics(self) -> str:
        """The server's exposition, Prometheus text format.

        Raises:
            ServerError: no answer, or no text.
        """
        headers = {"Accept": "text/plain;version=0.0.4"}
        answer = await self._ask(
            self._quick, "GET", "/metrics", seconds=SCRAPE_SECONDS, most=SCRAPE_BYTES, headers=headers
        )
        if answer.status != 200:
            raise ServerError("ServerRefused", f"the server answered {answer.status} to /metrics")
        try:
            return answer.body.decode()
        except UnicodeDecodeError:
            raise ServerError("ServerAnswerInvalid", "the server's metrics are not UTF-8") from None

    async def forward(
        self, method: str, path: str, *, seconds: float, body: bytes = b"", content_type: str | None = None
    ) -> Answer:
        """Send a request that was allowed.

        Args:
            path: of the allow-list, already encoded.
            seconds: until the whole answer must have come.

        Raises:
            ServerError: no answer, too large an answer, or a redirection (which is never followed).
        """
        headers = {"Content-Type": content_type} if body and content_type else {}
        answer = await self._ask(
            self._slow, method, path, seconds=seconds, most=ANSWER_BYTES, headers=headers, body=body or None
        )
        if 300 <= answer.status < 400:
            raise ServerError("ServerAnswerInvalid", f"the server answered with a redirection ({answer.status})")
        return answer

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        seconds: float,
        most: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(seconds),
                session.request(
                    method,
                    self._url.join(yarl.URL(path, encoded=True)),
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                ) as response,
            ):
                content = await _bounded(response, most)
                passed = {name: response.headers[name] for name in PASSED_BACK if name in response.headers}
                return Answer(response.status, passed, content)
        except TimeoutError:
            raise ServerError("ServerTimedOut", f"the server did not answer {path} within {seconds:g} s") from None
        except aiohttp.ClientConnectorError as error:
            why = os.strerror(error.os_error.errno or errno.ECONNREFUSED)
            raise ServerError("ServerUnreachable", f"the server does not listen: {why}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ServerError("ServerUnreachable", f"the server hung up: {type(error).__name__}") from None


class CachedHealth:
    """One probed path of the server; probes that come together or shortly after each other share one request."""

    def __init__(self, server: Server, path: str) -> None:
        self._server = server
        self._path = path
        self._last: Health | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> Health:
        """The server's health, not older than `PROBE_LIFE_SECONDS`."""
        async with self._lock:
            if self._last is None or time.monotonic() >= self._until:
                self._last = await self._server.health(self._path)
                self._until = time.monotonic() + PROBE_LIFE_SECONDS
            return self._last


def _session(connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=2.0),
        auto_decompress=False,
        skip_auto_headers=("Accept-Encoding",),
        headers={"User-Agent": "pronote-agent"},
        trust_env=False,
    )


async def _bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most:
            raise ServerError("ServerAnswerTooLarge", f"the server's answer has more than {most} bytes")
        parts.append(part)
    return b"".join(parts)


def _said(answer: Answer) -> tuple[str, str]:
    """Reason and message of a bad health answer: the server's own, when it gives them as JSON."""
    default = "ServerNotReady", f"the server answered {answer.status}"
    try:
        said = json.loads(answer.body)
        return str(said.get("reason", said.get("state", default[0])))[:64], str(said.get("message", default[1]))[:512]
    except (ValueError, AttributeError):
        return default
