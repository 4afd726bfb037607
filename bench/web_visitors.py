"""Visitors of PRONOTE.net: those who stay and poll, and those who log in at a given rate."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from bench.web_stage import WebStage
from tests.support.ent import form_fields
from tests.support.webclients import TIMEOUT, WebClient, WebClientError

POLL_SECONDS = 115.0
"""Between two Navigations of one session, as public clients keep alive."""
DRAIN_SECONDS = 10.0
"""For what is under way when a burst ends; what is not answered by then failed."""


@dataclass
class Times:
    """Seconds that each answered one took, and how many failed.

    Args:
        late: seconds by which the visitors themselves began one too late, at most; they are part of what it took.
    """

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    late: float = 0.0

    async def of(self, work: Awaitable[object], due: float | None = None) -> None:
        """Time one.

        Args:
            due: when it should have begun, on the monotonic clock; now by default.
        """
        began = time.monotonic() if due is None else due
        self.late = max(self.late, time.monotonic() - began)
        try:
            await work
        except (WebClientError, aiohttp.ClientError, TimeoutError):
            self.failed += 1
        except asyncio.CancelledError:
            self.failed += 1
            raise
        else:
            self.seconds.append(time.monotonic() - began)


class Visitors:
    """All visitors, in one loop.

    Args:
        http: shared by all, as a proxy's connections are.
    """

    def __init__(self, stage: WebStage, http: aiohttp.ClientSession) -> None:
        self._stage = stage
        self._http = http
        self._numbers = itertools.count()
        self.staying: list[WebClient] = []
        self.passing: list[WebClient] = []
        self.polls = Times()

    async def arrive(self, count: int, at_once: int = 8) -> Times:
        """Have so many log in and stay, a few at a time."""
        found, door = Times(), asyncio.Semaphore(at_once)

        async def one() -> None:
            async with door:
                await found.of(self.log_in(stay=True))

        await asyncio.gather(*(one() for _ in range(count)))
        return found

    async def log_in(self, *, stay: bool = False) -> None:
        """One whole login by the protocol, from the page to ParametresUtilisateur."""
        root, page, username, password, headers = self._next()
        client = WebClient(self._http, f"{root}{page}.html", headers)
        await client.log_in(username, password)
        (self.staying if stay else self.passing).append(client)

    async def see_out(self, at_once: int = 8) -> None:
        """Have those log out who logged in by the protocol and do not stay."""
        leaving, door = self.passing, asyncio.Semaphore(at_once)
        self.passing = []

        async def one(client: WebClient) -> None:
            async with door:
                await Times().of(client.ask("SaisieDeconnexion"))

        await asyncio.gather(*(one(client) for client in leaving))

    async def log_in_by_form(self) -> None:
        """One login of a person in a browser, whose password is checked by argon2."""
        root, page, username, password, headers = self._next()
        async with self._http.get(f"{root}{page}.html", headers=headers, timeout=TIMEOUT) as shown:
            fields = form_fields(await shown.text()) | {"identifiant": username, "motdepasse": password}
            cookies = {name: cookie.value for name, cookie in shown.cookies.items()}
        pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
        url = f"{root}{page}/entrer"
        sent = {**headers, "cookie": pairs}
        async with self._http.post(url, data=fields, headers=sent, timeout=TIMEOUT, allow_redirects=False) as answer:
            if answer.status != 303:
                raise WebClientError("not logged in", status=answer.status)

    async def poll(self) -> None:
        """Have all who stay poll, spread evenly, until cancelled. Times go to `polls`, which may be replaced."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                due = began + number * POLL_SECONDS / len(self.staying)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                client = self.staying[number % len(self.staying)]
                group.create_task(self.polls.of(client.stay(), due))

    async def burst(self, rate: float, seconds: float, work: Callable[[], Awaitable[None]]) -> Times:
        """Start logins at a rate, whether or not the earlier ones have ended.

        Args:
            rate: per second.
        """
        found, began = Times(), time.monotonic()
        tasks = []
        for number in range(round(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.append(asyncio.create_task(found.of(work(), due)))
        _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return found

    async def flow(self, at_once: int, seconds: float, work: Callable[[], Awaitable[None]]) -> Times:
        """Log in one after the other, so many at once: as fast as is answered."""
        found, end = Times(), time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < end:
                await found.of(work())

        await asyncio.gather(*(one() for _ in range(at_once)))
        return found

    def _next(self) -> tuple[str, str, str, str, dict[str, str]]:
        number = next(self._numbers)
        page, username, password = self._stage.accounts[number % len(self._stage.accounts)]
        root = self._stage.replicas[number % len(self._stage.replicas)].url()
        address = f"198.18.{number // 250 % 256}.{number % 250 + 1}"
        return root, page, username, password, {"x-forwarded-for": address}
