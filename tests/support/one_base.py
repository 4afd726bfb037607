"""One base in virtual time: the planners and a status as the API keeps it, an agent that is a table, and mishaps.

The clock that the operator reads may jump; the agent's results do not depend on it. All that outlives a pass is the
status, in the form of a manifest, and what the agent has.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pronote_operator.api.backuppolicy import BackupPolicySpec
from pronote_operator.api.base_status import SnapshotsStatus
from pronote_operator.api.snapshots import SnapshotKind
from pronote_operator.planning.backed_up import BackedUp, backed_up
from pronote_operator.planning.retention import expendable
from pronote_operator.planning.snapshot_history import (
    ListedSnapshot,
    SnapshotHistory,
    after_failure,
    after_good,
    after_listing,
    history_of,
    kind_of,
    manifest_of,
)
from pronote_operator.planning.snapshot_job import SnapshotJob, Why
from pronote_operator.planning.snapshot_plan import ServerState, Situation, SnapshotPlan, snapshot_plan

MOST_PASSES_AT_ONCE = 8
"""More passes than that without any time going by would be a loop."""


@dataclass
class Agent:
    """What a base's agent did.

    Args:
        runs: how often each snapshot was really begun.
        results: of work that nobody asked for yet.
    """

    runs: Counter[str] = field(default_factory=Counter)
    stored: dict[str, ListedSnapshot] = field(default_factory=dict)
    results: dict[str, bool] = field(default_factory=dict)

    def take(self, name: str, now: datetime, *, fails: bool) -> None:
        """Do the work of one request, joined by those that come later."""
        if name in self.stored or name in self.results:
            return
        self.runs[name] += 1
        self.results[name] = not fails
        if not fails:
            self.stored[name] = ListedSnapshot(name, now)

    def answer(self, name: str) -> bool:
        """Whether it is there. A failure is told once."""
        return self.results.pop(name, name in self.stored)


@dataclass(frozen=True)
class Run:
    """A snapshot that the operator asked for."""

    job: SnapshotJob
    at: datetime


class OneBase:
    """See the module.

    Args:
        policy: may be replaced at any time.
        tz: time zone of the base.
        now: of its creation.
    """

    def __init__(self, policy: BackupPolicySpec, tz: str, now: datetime, *, uid: str = "a-base") -> None:
        self.policy: BackupPolicySpec | None = policy
        self.tz = tz
        self.uid = uid
        self.created = self.now = now
        self.server = ServerState.SERVING
        self.request: str | None = None
        self.fails = False
        """Whether snapshots fail."""
        self.dies: str | None = None
        """Where the operator is killed during the next snapshot: `asked` (the agent works on) or `answered`."""
        self.status: dict[str, Any] = {}
        self.history = SnapshotHistory()
        """As the status tells it: what is read back after each write."""
        self.agent = Agent()
        self.asked: list[Run] = []
        self.ended: list[tuple[Run, bool]] = []
        self.plan: SnapshotPlan | None = None
        self.condition: BackedUp | None = None

    def situation(self) -> Situation:
        """Of this moment."""
        return Situation(self.policy, self.tz, self.uid, self.created, self.now, self.server, self.request)

    def look(self) -> SnapshotPlan:
        """Passes of the operator until it has nothing to do."""
        for _ in range(MOST_PASSES_AT_ONCE):
            plan = self._pass()
            if plan.job is None or self.dies == "dead":
                self.dies = None
                return plan
        raise AssertionError(f"still something to do after {MOST_PASSES_AT_ONCE} passes: {plan}")

    def pass_time(self, span: timedelta, longest_sleep: timedelta = timedelta(days=1)) -> None:
        """The operator runs for so long, and looks whenever it said that it would, as well as now."""
        until = self.now + span
        while True:
            plan = self.look()
            assert self.condition is not None
            times = [moment for moment in (plan.again, self.condition.again) if moment is not None]
            assert all(moment > self.now for moment in times), "it asked to look again at once"
            self.now = min([*times, until, self.now + longest_sleep])
            if self.now >= until:
                return

    def jump(self, span: timedelta) -> None:
        """The clock jumps, or the operator is down: time goes by and nobody looks."""
        self.now += span

    def list_all(self) -> None:
        """The agent is asked what it has."""
        self._write(after_listing(self.history, self.agent.stored.values(), self.now))

    def good(self, kind: SnapshotKind) -> list[str]:
        """Names of the good ones of a kind that there are."""
        return [one.name for one in self.agent.stored.values() if not one.damaged and kind_of(one.name) is kind]

    def _pass(self) -> SnapshotPlan:
        before = self.history
        plan = self.plan = snapshot_plan(self.situation(), before)
        again = snapshot_plan(self.situation(), plan.history)
        assert (again.history, again.job, again.missed) == (plan.history, plan.job, ()), (
            "planning twice changes nothing"
        )
        self._write(plan.history)
        self.condition = backed_up(self.situation(), plan.history)
        if plan.job is not None:
            self._take(plan.job)
        return plan

    def _take(self, job: SnapshotJob) -> None:
        run = Run(job, self.now)
        if job.why is not Why.REQUESTED:
            assert job.due <= self.now < job.expires
        self.asked.append(run)
        self.agent.take(job.name, self.now, fails=self.fails)
        if self.dies == "asked":
            self.dies = "dead"
            return
        good = self.agent.answer(job.name)
        if self.dies == "answered":
            # Whoever asks next joins what is there, or is told of the failure: an answer that nobody got is kept.
            self.agent.results[job.name] = good
            self.dies = "dead"
            return
        self.ended.append((run, good))
        if not good:
            self._write(after_failure(self.history, job, self.now))
            return
        self._write(after_good(self.history, job, self.agent.stored[job.name].taken, self.now))
        self._prune(job)

    def _prune(self, job: SnapshotJob) -> None:
        assert self.policy is not None
        kinds = {kind: len(self.good(kind)) for kind in SnapshotKind}
        going = expendable(self.agent.stored.values(), self.policy, taken=job.name, now=self.now)
        for name in going:
            del self.agent.stored[name]
        keep = {SnapshotKind.BACKUP: self.policy.backups.keep, SnapshotKind.ARCHIVE: self.policy.archives.keep}
        for kind, count in kinds.items():
            kept = len(self.good(kind))
            assert kept >= min(count, keep.get(kind, 1)), f"{kind}: {count} good ones, and {kept} were left"
            assert kept == count or kind is job.kind
        assert job.name in self.agent.stored
        if going:
            self.list_all()

    def _write(self, history: SnapshotHistory) -> None:
        if history == self.history:
            return
        self.status = json.loads(json.dumps(manifest_of(history)))
        self.history = history_of(SnapshotsStatus.model_validate(self.status))
        assert self.history == history, "what is written is read back"


def damaged(base: OneBase, name: str) -> None:
    """A verification finds that a snapshot cannot be read."""
    base.agent.stored[name] = replace(base.agent.stored[name], damaged=True)
