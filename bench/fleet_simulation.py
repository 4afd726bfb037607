"""A fleet of bases whose snapshots are planned in virtual time: the planners are the real ones, the agents are not.

An agent takes as long as it is told to, joins a request for what it is taking, and gives what it has. No cluster, no
waiting: hours of ten thousand bases take seconds.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pronote_operator.api.backuppolicy import BackupPolicySpec
from pronote_operator.planning.backed_up import backed_up
from pronote_operator.planning.retention import expendable
from pronote_operator.planning.snapshot_fleet import SnapshotFleet
from pronote_operator.planning.snapshot_history import (
    ListedSnapshot,
    SnapshotHistory,
    after_good,
    after_listing,
    manifest_of,
)
from pronote_operator.planning.snapshot_job import SnapshotJob
from pronote_operator.planning.snapshot_plan import ServerState, Situation, snapshot_plan

POLICY = "default"
CONNECT_TIMEOUT = timedelta(seconds=10)
"""How long an agent that does not answer holds a place."""


@dataclass
class Base:
    """One base, and what its agent does.

    Args:
        running: the snapshot that the agent is taking, and when it will be done.
        stored: what it has.
    """

    key: str
    uid: str
    created: datetime
    broken: bool = False
    history: SnapshotHistory = field(default_factory=SnapshotHistory)
    job: SnapshotJob | None = None
    running: tuple[str, datetime] | None = None
    stored: dict[str, ListedSnapshot] = field(default_factory=dict)


@dataclass
class Outcome:
    """What came of it.

    Args:
        peak: snapshots being taken at once, at most.
        done: (due, done) of each snapshot, in order.
        runs: how often an agent began each snapshot, by (base, name).
        passes: looks at a base.
        writes: histories that changed.
        cpu_seconds: of all of it, the simulation's own share included.
    """

    peak: int = 0
    done: list[tuple[datetime, datetime]] = field(default_factory=list)
    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    passes: int = 0
    writes: int = 0
    cpu_seconds: float = 0.0


class Fleet:
    """See the module.

    Args:
        bases: how many; all in one time zone, all created before `start`.
        policy: of all of them.
        start: of the simulation, aware.
        duration: how long the snapshots of a base take.
        broken: how many of the bases have an agent that does not answer.
        stored: what each base has already.
    """

    def __init__(
        self,
        bases: int,
        policy: BackupPolicySpec,
        start: datetime,
        duration: Callable[[str], timedelta],
        *,
        broken: int = 0,
        stored: Sequence[ListedSnapshot] = (),
        tz: str = "Europe/Paris",
    ) -> None:
        self._policy = policy
        self._tz = tz
        self._duration = duration
        self.now = start
        self.outcome = Outcome()
        self.bases = {
            base.key: base
            for base in (
                Base(
                    f"schools/base-{number:05d}",
                    f"uid-{number:05d}",
                    start,
                    broken=number < broken,
                    stored={one.name: one for one in stored},
                )
                for number in range(bases)
            )
        }
        self._busy = 0
        self._events: list[tuple[datetime, int, int, str]] = []
        self._numbers = 0
        self._restarts = 0
        self._places = SnapshotFleet()
        for key in self.bases:
            self._at(start, key)

    def run(self, until: datetime) -> None:
        """Let time pass."""
        began = time.process_time()
        while self._events and self._events[0][0] <= until:
            moment, _, restarts, key = heapq.heappop(self._events)
            self.now = moment
            self._agent(self.bases[key])
            if restarts == self._restarts:
                self._operator(key)
        self.now = until
        self.outcome.cpu_seconds += time.process_time() - began

    def restart(self, down: timedelta) -> None:
        """The operator is gone for so long, and knows only what was written; the agents go on."""
        self._restarts += 1
        back = self.now + down
        self._places = SnapshotFleet()
        self.run(back)
        for base in self.bases.values():
            base.job = None
        # Nobody is given a place before all bases were looked at.
        for key in self.bases:
            self._pass(key)
        self._claim()

    def _operator(self, key: str) -> None:
        base = self.bases[key]
        if base.job is not None and base.broken:
            self._claim_after(self._places.not_started(key, self.now), key)
            base.job = None
        elif base.job is not None and base.job.name in base.stored:
            base.history = after_good(base.history, base.job, base.stored[base.job.name].taken, self.now)
            self._prune(base, base.job.name)
            self.outcome.done.append((base.job.due, self.now))
            self._places.done(key)
            base.job = None
        if base.job is None:
            self._pass(key)
        self._claim()

    def _prune(self, base: Base, taken: str) -> None:
        for name in expendable(base.stored.values(), self._policy, taken=taken, now=self.now):
            del base.stored[name]
        base.history = after_listing(base.history, base.stored.values(), self.now)

    def _pass(self, key: str) -> None:
        base = self.bases[key]
        situation = Situation(self._policy, self._tz, base.uid, base.created, self.now, ServerState.SERVING)
        plan = snapshot_plan(situation, base.history)
        condition = backed_up(situation, plan.history)
        self.outcome.passes += 1
        if plan.history != base.history:
            manifest_of(plan.history)
            self.outcome.writes += 1
            base.history = plan.history
        if plan.job is not None:
            self._places.want(key, POLICY, plan.job.name, plan.job.due)
        else:
            self._places.withdraw(key)
        for moment in (plan.again, condition.again):
            if moment is not None and moment > self.now:
                self._at(moment, key)

    def _claim(self) -> None:
        for claim in self._places.claim(POLICY, self._policy.max_concurrent, self.now):
            base = self.bases[claim.key]
            situation = Situation(self._policy, self._tz, base.uid, base.created, self.now, ServerState.SERVING)
            base.job = snapshot_plan(situation, base.history).job
            if base.job is None:
                self._places.done(claim.key)
            elif base.broken:
                self._at(self.now + CONNECT_TIMEOUT, claim.key)
            else:
                self._post(base, base.job.name)

    def _claim_after(self, moment: datetime | None, key: str) -> None:
        if moment is not None:
            self._at(moment, key)

    def _post(self, base: Base, name: str) -> None:
        if name in base.stored:
            self._at(self.now, base.key)
            return
        if base.running is None:
            base.running = (name, self.now + self._duration(base.uid))
            self.outcome.runs[base.key, name] = self.outcome.runs.get((base.key, name), 0) + 1
            self._busy += 1
            self.outcome.peak = max(self.outcome.peak, self._busy)
        assert base.running[0] == name, "the fleet asks a base for one thing at a time"
        self._at(base.running[1], base.key)

    def _agent(self, base: Base) -> None:
        if base.running is not None and base.running[1] <= self.now:
            name, done = base.running
            base.stored[name] = ListedSnapshot(name, done)
            base.running = None
            self._busy -= 1

    def _at(self, moment: datetime, key: str) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (moment, self._numbers, self._restarts, key))
