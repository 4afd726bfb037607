"""Who may take a snapshot now, over the whole fleet: so many at once for each policy, in the order of falling due.

Each pass over a base says what the base needs (`want`), or that it needs nothing (`withdraw`); `claim` names those that
may start, each with a place that it holds until `done` or `not_started`. The order is that of (due time, key) alone:
after a restart, once every base was looked at, the same jobs come first, and so join the work that still runs in the
agents instead of adding to it.

A job that could not be started (agent unreachable, server not ready) gives its place back and waits, twice as long each
time; then it queues as if it had fallen due at that moment. Such jobs never hold more than a quarter of the places, so
that a broken base, or a broken zone, delays no other.

Nothing here is remembered over a restart, and nothing needs to be. No I/O, no clock of its own; one thread.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=5)
RETRY_SHARE = 4
"""Jobs that could not be started at their last try hold at most one place in so many, and always one."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A place for one job."""

    key: str
    """What the caller knows the base by, `namespace/name`."""
    job: str
    """The name of the snapshot, or what else tells the jobs of a base apart."""


@dataclass(slots=True)
class _Entry:
    job: str
    policy: str
    due: datetime
    queued: tuple[datetime, str] | None
    """Its place in a queue, None while it runs."""
    tries: int = 0


@dataclass(slots=True)
class _Queues:
    """Of one policy: heaps of (time, key). An entry that has moved on leaves its old place behind, to be skipped."""

    fresh: list[tuple[datetime, str]] = field(default_factory=list)
    retried: list[tuple[datetime, str]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    running_retried: set[str] = field(default_factory=set)


class SnapshotFleet:
    """See the module. A base has one job at a time."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._queues: dict[str, _Queues] = {}

    def want(self, key: str, policy: str, job: str, due: datetime) -> None:
        """Queue the job of a base; again and again is the same as once. What runs is left to end.

        Args:
            key: of the base.
            policy: whose places count.
            job: its name; another one than before takes the other's place in the queue.
            due: when it fell due, aware.
        """
        entry = self._entries.get(key)
        if entry is not None:
            if entry.queued is None or (entry.job == job and entry.policy == policy):
                return
            self.withdraw(key)
        self._entries[key] = _Entry(job, policy, due, (due, key))
        heapq.heappush(self._of(policy).fresh, (due, key))

    def withdraw(self, key: str) -> None:
        """The base needs nothing, or is gone. What runs keeps its place until it has ended."""
        entry = self._entries.get(key)
        if entry is not None and entry.queued is not None:
            del self._entries[key]

    def claim(self, policy: str, limit: int, now: datetime) -> list[Claim]:
        """The jobs that may start now, first come first: they hold their places from here on.

        Args:
            policy: whose jobs.
            limit: its maxConcurrent. A lowered limit ends nothing that runs.
            now: aware.
        """
        queues = self._of(policy)
        claims: list[Claim] = []
        while len(queues.running) < limit:
            retries = len(queues.running_retried) < max(1, limit // RETRY_SHARE)
            fresh = self._head(queues.fresh, policy)
            again = self._head(queues.retried, policy) if retries else None
            if again is not None and again[0] > now:
                again = None
            if fresh is None and again is None:
                break
            chosen = min(head for head in (fresh, again) if head is not None)
            heapq.heappop(queues.retried if chosen is again else queues.fresh)
            entry = self._entries[chosen[1]]
            entry.queued = None
            queues.running.add(chosen[1])
            if entry.tries:
                queues.running_retried.add(chosen[1])
            claims.append(Claim(chosen[1], entry.job))
        return claims

    def done(self, key: str) -> None:
        """The job of a base ended, well or not: its place is free, and the base may want another."""
        entry = self._entries.get(key)
        if entry is not None and entry.queued is None:
            self._free(key, entry)
            del self._entries[key]

    def not_started(self, key: str, now: datetime) -> datetime | None:
        """The job of a base could not be started: its place is free, and it queues again later; the time of that."""
        entry = self._entries.get(key)
        if entry is None or entry.queued is not None:
            return None
        self._free(key, entry)
        wait = min(FIRST_WAIT * (1 << min(entry.tries, 10)), LONGEST_WAIT)
        entry.tries += 1
        entry.queued = (now + wait, key)
        heapq.heappush(self._of(entry.policy).retried, entry.queued)
        return now + wait

    def is_running(self, key: str) -> bool:
        """Whether the job of a base holds a place."""
        entry = self._entries.get(key)
        return entry is not None and entry.queued is None

    def running(self, policy: str) -> int:
        """How many places of a policy are taken."""
        return len(self._of(policy).running)

    def next_retry(self, policy: str) -> datetime | None:
        """When the first of the jobs that wait for another try may be claimed; None when none waits."""
        head = self._head(self._of(policy).retried, policy)
        return None if head is None else head[0]

    def _of(self, policy: str) -> _Queues:
        return self._queues.setdefault(policy, _Queues())

    def _head(self, heap: list[tuple[datetime, str]], policy: str) -> tuple[datetime, str] | None:
        while heap:
            entry = self._entries.get(heap[0][1])
            if entry is not None and entry.policy == policy and entry.queued is not None and entry.queued == heap[0]:
                return heap[0]
            heapq.heappop(heap)
        return None

    def _free(self, key: str, entry: _Entry) -> None:
        queues = self._of(entry.policy)
        queues.running.discard(key)
        queues.running_retried.discard(key)
