"""Which CAS servers delegations need, and whether they answer: each server is asked once, however many need it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pronote_operator.handlers.keys import Key
from pronote_operator.planning.delegation import CasServer
from pronote_operator.planning.reachability import Reach

AT_ONCE = 8
JITTER = 0.1
"""Share of the interval by which rounds are spread, so that servers are not all asked in one moment."""


@dataclass(slots=True)
class _Watched:
    due: float
    users: dict[Key, str | None] = field(default_factory=dict)
    """Each delegation with the ENT of the catalogue that it names, if any."""
    reach: Reach | None = None
    asking: bool = False


class CasServers:
    """Asks the CAS servers that are needed.

    Args:
        ask: asks one server; never raises.
        mark: called with each delegation that wants a pass: its server's state changed, or it is time to look at its
            certificates again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        ask: Callable[[CasServer], Awaitable[Reach]],
        mark: Callable[[Key], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._mark = mark
        self._clock = clock
        self._watched: dict[CasServer, _Watched] = {}
        self._server_of: dict[Key, CasServer] = {}
        self._changed = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)

    def use(self, key: Key, server: CasServer | None, ent: str | None = None) -> Reach | None:
        """Say which server a delegation needs now; what is known of it, None while it was not asked.

        Args:
            ent: the name of the server in the catalogue, if it is of there.
        """
        before = self._server_of.get(key)
        if before != server:
            self.forget(key)
        if server is None:
            return None
        watched = self._watched.get(server)
        if watched is None:
            watched = self._watched[server] = _Watched(due=self._clock())
            self._changed.set()
        watched.users[key] = ent
        self._server_of[key] = server
        return watched.reach

    def forget(self, key: Key) -> None:
        """A delegation needs no server any more; one that nobody needs is asked no more."""
        server = self._server_of.pop(key, None)
        if server is not None:
            watched = self._watched[server]
            del watched.users[key]
            if not watched.users:
                del self._watched[server]

    def by_ent(self) -> dict[str, bool]:
        """Whether the server of each ENT of the catalogue that is in use answers; without those not asked yet."""
        found: dict[str, bool] = {}
        for watched in self._watched.values():
            if watched.reach is not None:
                for ent in {ent for ent in watched.users.values() if ent is not None}:
                    found[ent] = watched.reach.reachable and found.get(ent, True)
        return found

    def own_unreachable(self) -> int:
        """How many servers that are not of the catalogue do not answer."""
        return sum(
            1
            for watched in self._watched.values()
            if watched.reach is not None and not watched.reach.reachable and None in watched.users.values()
        )

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = self._clock()
                waiting = [(server, one) for server, one in self._watched.items() if not one.asking]
                for server, watched in waiting:
                    if watched.due <= now:
                        watched.asking = True
                        group.create_task(self._one(server, watched), name="ask a CAS server")
                later = min((one.due for _, one in waiting if not one.asking), default=None)
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if later is None else max(later - now, 0.01)):
                        await self._changed.wait()

    async def _one(self, server: CasServer, watched: _Watched) -> None:
        async with self._room:
            reach = await self._ask(server)
        before, watched.reach = watched.reach, reach
        watched.due = self._clock() + reach.again * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter
        watched.asking = False
        self._changed.set()
        if reach != before or server.ca_bundle is not None:
            # Certificates are in a ConfigMap that is not watched: with each round they are looked at again.
            for key in list(watched.users):
                self._mark(key)
