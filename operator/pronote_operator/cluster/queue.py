"""The work queue: keys that want reconciling.

A key is never worked on twice at once; marks that come while it is worked on make it run once more; a key can be due
later; failures come back with exponential back-off and jitter; a bounded number of keys runs at a time. This is what
client-go's rate-limited work queue promises, on asyncio.

What concerns one key comes before what concerns all of them: thousands that are looked at because of a setting that
they share must not make one wait whose server has just been started.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from pronote_operator.planning.backoff import pause_after

logger = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 120.0
TURN_OF_ALL = 8
"""One piece of work in so many is one that concerns all keys, whatever else waits: they wait longer, not for ever."""
STALE_ENTRIES = 1000
"""How many entries of keys that were worked on before their time may lie in the heap beside the due ones."""


class KeyedQueue(Generic[K]):
    """Keys to work on.

    Args:
        work: called with a key; returns seconds after which the key is due again, or None. What it raises is logged
            and retried.
        workers: how many keys are worked on at once.
        clock: monotonic seconds.
        on_done: told of (key, seconds, failed) after each piece of work.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[float | None]],
        *,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
        on_done: Callable[[K, float, bool], None] | None = None,
    ) -> None:
        self._work = work
        self._workers = workers
        self._clock = clock
        self._on_done = on_done
        self._ready: dict[K, None] = {}
        self._with_all: dict[K, None] = {}
        self._begun = 0
        self._running: set[K] = set()
        self._again: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._serial = 0
        self._failures: dict[K, int] = {}
        self._tokens: asyncio.Queue[None] = asyncio.Queue()
        self._rescheduled = asyncio.Event()

    def mark(self, key: K) -> None:
        """The key wants work now."""
        self._due.pop(key, None)
        if key in self._running:
            self._again.add(key)
        elif key in self._with_all:
            del self._with_all[key]
            self._ready[key] = None
        elif key not in self._ready:
            self._ready[key] = None
            self._tokens.put_nowait(None)

    def mark_with_all(self, keys: Iterable[K]) -> None:
        """Keys want work for a reason that they share: after those that want it for one of their own."""
        for key in keys:
            if key in self._running:
                self._again.add(key)
            elif key not in self._ready and key not in self._with_all:
                self._due.pop(key, None)
                self._with_all[key] = None
                self._tokens.put_nowait(None)

    def mark_after(self, key: K, seconds: float) -> None:
        """The key wants work in `seconds`, or earlier if it is already due earlier."""
        when = self._clock() + max(0.0, seconds)
        if key in self._ready or key in self._with_all or self._due.get(key, float("inf")) <= when:
            return
        self._due[key] = when
        self._serial += 1
        heapq.heappush(self._heap, (when, self._serial, key))
        if len(self._heap) > 2 * len(self._due) + STALE_ENTRIES:
            # Each pass leaves an entry, and some are due in a year (certificates): they would pile up until then.
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self._rescheduled.set()

    def forget(self, key: K) -> None:
        """The key is no more: nothing waits for it any longer."""
        self._ready.pop(key, None)
        self._with_all.pop(key, None)
        self._due.pop(key, None)
        self._failures.pop(key, None)
        self._again.discard(key)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._ready) + len(self._with_all)

    @property
    def delayed(self) -> int:
        """Keys that are due later."""
        return len(self._due)

    @property
    def running(self) -> int:
        """Keys that are worked on."""
        return len(self._running)

    @property
    def failing(self) -> int:
        """Keys whose last work failed."""
        return len(self._failures)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker())
            group.create_task(self._timer())

    async def _worker(self) -> None:
        while True:
            await self._tokens.get()
            if not self._ready and not self._with_all:
                continue  # the key of this token was forgotten
            await self._run_one(self._next())

    def _next(self) -> K:
        self._begun += 1
        turn = not self._ready or (self._with_all and self._begun % TURN_OF_ALL == 0)
        line = self._with_all if turn else self._ready
        key = next(iter(line))
        del line[key]
        return key

    async def _run_one(self, key: K) -> None:
        self._running.add(key)
        started = self._clock()
        failed = False
        try:
            again_after = await self._work(key)
            self._failures.pop(key, None)
            if again_after is not None:
                self.mark_after(key, again_after)
        except Exception as error:  # noqa: BLE001 - one key's failure must not end the others' work
            failed = True
            self._retry(key, error)
        finally:
            self._running.discard(key)
            if self._on_done is not None:
                self._on_done(key, self._clock() - started, failed)
            if key in self._again:
                self._again.discard(key)
                self.mark(key)

    def _retry(self, key: K, error: Exception) -> None:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        pause = pause_after(count, first=FIRST_RETRY_SECONDS, last=LAST_RETRY_SECONDS)
        pause *= random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret
        logger.warning("Work on %s failed (%s: %s); again in %.1f s.", key, type(error).__name__, error, pause)
        self.mark_after(key, pause)

    async def _timer(self) -> None:
        while True:
            now = self._clock()
            while self._heap and self._heap[0][0] <= now:
                when, _, key = heapq.heappop(self._heap)
                if self._due.get(key) == when:
                    self.mark(key)
            self._rescheduled.clear()
            timeout = max(self._heap[0][0] - now, 0.001) if self._heap else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._rescheduled.wait()
