"""Many visitors who stay: what becomes of their sessions and requests while something is done to the replicas.

Which request has failed is seen from a real client, such as the page itself or an app, that tries once more: when the
connection is refused or breaks before an answer has come, or when a gateway says that of the replica behind it (HTTP
502), the same message is sent again, once, `RETRY_SECONDS` later. A request has failed when that is not answered
either, and at once when it takes longer than `tests.support.webclients.TIMEOUT` or is answered with anything else than
what it asks for, be it a page of PRONOTE.net's own that says « Le site n'est pas disponible » (503).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from tests.support.waiting import wait_until
from tests.support.webclients import SessionLost, WebClient, WebClientError

ARRIVING = 8
"""Visitors who log in at the same time."""

RETRY_SECONDS = 2.0
"""After which a request that was refused is sent again. kubelet looks once a second whether a container has ended, and
proxies hear of it a moment later."""

ANSWERED_SECONDS = 60.0
"""Within which visitors get as many answers as they are, on the slowest machine."""

REFUSED = 502
"""A gateway's word for a replica that refuses a connection, or breaks it off."""


@dataclass
class Tally:
    """What became of requests.

    Attributes:
        answered: requests that were answered, at the first or the second attempt.
        repeated: those of them that had to be sent again.
        failed: requests that have failed as the module says.
        lost: sessions that the server did not know any more.
        reasons: of repeats and failures, by kind.
        slowest: seconds of the slowest answered request, with its repeats.
    """

    answered: int = 0
    repeated: int = 0
    failed: int = 0
    lost: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    @property
    def failed_share(self) -> float:
        """Of all requests, how many failed: 0 to 1."""
        return self.failed / max(1, self.answered + self.failed)

    def __str__(self) -> str:
        reasons = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common()) or "none"
        return (
            f"{self.answered} requests answered, {self.repeated} of them when sent again; {self.failed} failed "
            f"({self.failed_share:.3%}); {self.lost} sessions lost; slowest {self.slowest:.2f} s; troubles: {reasons}"
        )


class Crowd:
    """Visitors in a thread of their own, so that a test can act meanwhile. A context manager: at its end all leave.

    Args:
        pause: seconds between two requests of one visitor, on average.
        authorities: file with the authorities that visitors trust, PEM; None: those of the system.
    """

    def __init__(self, pause: float = 4.0, authorities: Path | None = None) -> None:
        self._pause = pause
        self._authorities = authorities
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crowd", daemon=True)
        self._visitors: list[WebClient] = []
        self._leaving = asyncio.Event()
        self._staying: Future[None] | None = None
        self._tally = Tally()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def arrive(self, visitors: Sequence[tuple[str, str, str]], timeout: float = 300) -> float:
        """Log visitors in; all must succeed.

        Args:
            visitors: (URL of the page, username, password) of each.
            timeout: seconds.

        Returns:
            Seconds that it took.
        """
        began = time.monotonic()
        asyncio.run_coroutine_threadsafe(self._arrive(visitors), self._loop).result(timeout)
        return time.monotonic() - began

    def stay(self) -> None:
        """Have them ask now and then, from now on, in the background."""
        self._staying = asyncio.run_coroutine_threadsafe(self._stay(), self._loop)

    def during(self, act: Callable[[], object], settle: float = 3.0) -> Tally:
        """Do something while they stay; what became of their requests from its beginning until a while after its end.

        That while is longer on a slow machine: until as many requests were answered as there are visitors.

        Args:
            settle: seconds after it, at least.

        Raises:
            AssertionError: hardly a request is answered.
        """
        self._tally = tally = Tally()
        act()
        time.sleep(settle)
        wait_until(lambda: tally.answered >= self.here, ANSWERED_SECONDS, what="answers", last=lambda: str(tally))
        assert self._staying is not None, "nobody stays"
        if self._staying.done():
            self._staying.result()
        return tally

    @property
    def here(self) -> int:
        """Visitors whose sessions are not lost."""
        return len(self._visitors)

    async def _open(self) -> None:
        context = ssl.create_default_context(cafile=str(self._authorities) if self._authorities else None)
        connector = aiohttp.TCPConnector(limit=0, ssl=context)
        self._http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    async def _close(self) -> None:
        self._leaving.set()
        if self._staying is not None:
            await asyncio.wrap_future(self._staying)
        await self._http.close()

    async def _arrive(self, visitors: Sequence[tuple[str, str, str]]) -> None:
        door = asyncio.Semaphore(ARRIVING)

        async def log_in(page: str, username: str, password: str) -> WebClient:
            client = WebClient(self._http, page)
            async with door:
                await client.log_in(username, password)
            return client

        self._visitors += await asyncio.gather(*(log_in(*visitor) for visitor in visitors))

    async def _stay(self) -> None:
        async with asyncio.TaskGroup() as group:
            for visitor in list(self._visitors):
                group.create_task(self._visit(visitor))

    async def _visit(self, visitor: WebClient) -> None:
        await self._wait(random.uniform(0, self._pause))
        while not self._leaving.is_set():
            if not await self._ask(visitor):
                self._visitors.remove(visitor)
                return
            await self._wait(self._pause * random.uniform(0.5, 1.5))

    async def _ask(self, visitor: WebClient) -> bool:
        """One request; whether the session is still there."""
        began = time.monotonic()
        for again in (False, True):
            tally = self._tally
            try:
                await visitor.stay()
            except SessionLost as error:
                tally.lost += 1
                tally.reasons[f"lost {error.code}"] += 1
                return False
            except (WebClientError, aiohttp.ClientError, TimeoutError) as error:
                tally.reasons[_kind(error)] += 1
                if again or not _was_refused(error):
                    tally.failed += 1
                    break
                await asyncio.sleep(RETRY_SECONDS)
            else:
                tally.answered += 1
                tally.repeated += again
                tally.slowest = max(tally.slowest, time.monotonic() - began)
                break
        return True

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), seconds)


def _was_refused(error: Exception) -> bool:
    if isinstance(error, WebClientError):
        return error.status == REFUSED
    return isinstance(error, aiohttp.ClientConnectionError) and not isinstance(error, TimeoutError)


def _kind(error: Exception) -> str:
    if isinstance(error, WebClientError):
        return f"error {error.code}" if error.code else f"HTTP {error.status}"
    return type(error).__name__
