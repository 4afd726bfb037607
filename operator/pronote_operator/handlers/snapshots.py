"""Snapshots of all bases: each pass says what its base needs, workers carry it out, the next pass tells the end.

What is remembered here may be lost at any time: the schedule goes on from `status.snapshots`, and a job that was under
way is asked for again under the same name, which joins it or finds it done.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from pronote_operator.api.backuppolicy import BackupPolicySpec
from pronote_operator.api.constants import ANNOTATION_SNAPSHOT_REQUEST
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.names import Names
from pronote_operator.cluster.agent import AgentError
from pronote_operator.errors import ApiError, ReferenceMissing, Unusable
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.gathered import Pass
from pronote_operator.handlers.keys import Key, base_key, text_of
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.snapshot_work import Done, DrillJob, Job, SnapshotWork, listed_in
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.backed_up import backed_up
from pronote_operator.planning.calendar import UnknownZoneError, zone
from pronote_operator.planning.policy_status import CoveredBase
from pronote_operator.planning.references import referred
from pronote_operator.planning.restore import is_open
from pronote_operator.planning.retention import expendable
from pronote_operator.planning.snapshot_fleet import SnapshotFleet
from pronote_operator.planning.snapshot_history import (
    ListedSnapshot,
    SnapshotHistory,
    after_drill,
    after_failure,
    after_good,
    after_listing,
    after_missed,
    history_of,
    manifest_of,
)
from pronote_operator.planning.snapshot_job import SnapshotJob, Why
from pronote_operator.planning.snapshot_plan import MissedSlot, PlanReason, ServerState, Situation, snapshot_plan
from pronote_operator.planning.verification import drill_plan

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5
LOOK_SECONDS = 30.0
"""How soon an agent that could not say what is kept is asked again."""
LATELY = dt.timedelta(days=1)
"""How long after the end of a roll it is looked for what it left, should the operator have been killed meanwhile."""
DEMANDS_AT_ONCE = 50
"""Snapshots for rolls and year-end archives that are taken at the same time, over all policies."""
NOT_BEGUN_SECONDS = 5.0
FAILED_SECONDS = 60.0
"""How soon one of these is tried again that could not be begun, or failed."""


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told as an Event once the status says it."""

    warning: bool
    reason: str
    note: str


class SnapshotDesk:
    """See the module.

    Args:
        mark: has a base looked at again.
        ready: whether every base was looked at: only then is it known what runs in the agents, and what comes first.
        count: told of (kind of snapshot or `Drill`, result) at the end of each job.
        settle_seconds: how long after a change places are given. Bases that fall due together are queued together by
            then, so that they come in the order in which they would come after a restart, which then joins what runs.
    """

    def __init__(
        self,
        *,
        agents: Agents,
        store: ObjectStore,
        shared: Shared,
        reporter: Reporter,
        mark: Callable[[Key], None],
        ready: Callable[[], bool],
        count: Callable[[str, str], None],
        clock: Callable[[], dt.datetime],
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._agents = agents
        self._store = store
        self._shared = shared
        self._reporter = reporter
        self._mark = mark
        self._ready = ready
        self._count = count
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._work = SnapshotWork(agents, prune=self._expendable, clock=clock)
        self._fleet = SnapshotFleet()
        self._wanted: dict[Key, Job] = {}
        self._ended: dict[Key, list[Done]] = {}
        self._folded: dict[Key, int] = {}
        self._news: dict[Key, list[News]] = {}
        self._not_begun: dict[Key, SnapshotJob] = {}
        self._looked_through: set[Key] = set()
        self._looked_after: dict[Key, str] = {}
        """The roll after whose end it was looked."""
        self._wake = asyncio.Event()
        self._demanded: set[Key] = set()
        self._demands: asyncio.TaskGroup | None = None
        self._demand_places = asyncio.Semaphore(DEMANDS_AT_ONCE)

    @property
    def running(self) -> int:
        """Jobs that are carried out now."""
        return sum(self._fleet.running(name) for name in self._shared.policies)

    async def consider(self, outcome: Pass) -> None:
        """Bring what is known of a base's snapshots up to date, and say what it needs now."""
        base, key = outcome.base, outcome.key
        try:
            zone(base.spec.time_zone)
        except UnknownZoneError:
            return  # the base is Stalled for it
        name, policy = self._policy_of(base)
        history = await self._known(outcome)
        created = base.metadata.creation_timestamp or outcome.now
        situation = Situation(
            policy=policy,
            tz=base.spec.time_zone,
            uid=base.metadata.uid,
            created=created,
            now=outcome.now,
            server=_server_state(outcome),
            request=base.metadata.annotations.get(ANNOTATION_SNAPSHOT_REQUEST),
            restoring=is_open(base.spec.restore, base.status.restore) and not outcome.restores_told,
            running=self._fleet.is_running(text_of(key)) or key in self._demanded,
        )
        plan = snapshot_plan(situation, history)
        given_up = self._given_up(key, plan.job, history)
        if given_up is not None:
            plan = snapshot_plan(situation, after_missed(history, given_up.kind, given_up.slot, failed=True))
            plan = replace(plan, missed=(given_up, *plan.missed))
        drill = drill_plan(situation, plan.history)
        state = backed_up(situation, plan.history)
        outcome.snapshots = manifest_of(plan.history)
        outcome.backed_up = state.condition
        outcome.policy = name
        if name is not None:
            good = state.condition.status == "True"
            outcome.covered = CoveredBase(good, plan.history.failures > 0, plan.history.last_backup)
        for moment in (plan.again, state.again, drill.due if drill.reason is not None else None):
            if moment is not None and moment > outcome.now:
                outcome.due_at(moment)
        self._news[key] = [*self._news_of(key), *(_missed(slot) for slot in plan.missed)]
        if plan.refused is not None:
            self._news[key].append(News(True, "SnapshotRefused", plan.refused))
        job: Job | None = plan.job or (DrillJob(drill.name) if drill.name is not None else None)
        due = plan.job.due if plan.job is not None else drill.due
        self._want(key, name, job, due)

    def names(self, base: PronoteBase, key: Key) -> tuple[str, ...]:
        """Names of the snapshots of a base, those among them that its status does not tell yet."""
        told = base.status.snapshots.names
        new = (done.job.name for done in self._ended.get(key, []) if done.taken is not None)
        return (*told, *(name for name in new if name not in told))

    def demand(self, key: Key, job: SnapshotJob) -> None:
        """Have a snapshot taken that waits for no schedule and needs no policy; the base is marked when it has ended.

        To be said at every pass until the snapshot is there: the same as once.
        """
        if self._demands is None or key in self._demanded:
            return
        self._demanded.add(key)
        self._demands.create_task(self._meet(key, job), name=f"snapshot {text_of(key)}")

    async def _meet(self, key: Key, job: SnapshotJob) -> None:
        async with self._demand_places:
            done = await self._work(key, job)
        if not done.not_tried and key in self._store:
            self._count(job.kind.value, "failure" if done.failure is not None else "success")
            self._ended.setdefault(key, []).append(done)
            logger.info("%s: %s ended after %.1f s: %s", key, job.name, done.seconds, done.failure or "good")
        pause = NOT_BEGUN_SECONDS if done.not_tried else FAILED_SECONDS if done.failure is not None else 0.0
        if pause:
            logger.info("%s: %s: %s; again in %g s", key, job.name, done.failure, pause)
            if not done.not_tried:
                self._mark(key)
            await asyncio.sleep(pause)
        self._demanded.discard(key)
        if key in self._store:
            self._mark(key)

    async def reported(self, key: Key) -> None:
        """The status tells what `consider` brought up to date: it need not be remembered any more."""
        told = self._folded.pop(key, 0)
        rest = self._ended.get(key, [])[told:]
        if rest:
            self._ended[key] = rest
            self._mark(key)
        else:
            self._ended.pop(key, None)
        for news in self._news.pop(key, ()):
            await self._reporter.event(key, warning=news.warning, reason=news.reason, action="Snapshot", note=news.note)

    def forget(self, key: Key) -> None:
        """A base is gone. What runs for it ends by itself: its agent is gone too."""
        self._fleet.withdraw(text_of(key))
        for known in (self._wanted, self._ended, self._folded, self._news, self._not_begun):
            known.pop(key, None)
        self._looked_through.discard(key)
        self._looked_after.pop(key, None)

    async def run(self) -> None:
        """Carry out what is wanted, so many at once as each policy allows, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._demands = group
            while True:
                await self._woken()
                await asyncio.sleep(self._settle_seconds)
                if not self._ready():
                    continue
                now = self._clock()
                for name, policy in list(self._shared.policies.items()):
                    for claim in self._fleet.claim(name, policy.spec.max_concurrent, now):
                        group.create_task(
                            self._carry_out(base_key(*claim.key.split("/"))), name=f"snapshot {claim.key}"
                        )

    def wake(self) -> None:
        """Look at once for what may start."""
        self._wake.set()

    async def _woken(self) -> None:
        retries = [self._fleet.next_retry(name) for name in self._shared.policies]
        first = min((moment for moment in retries if moment is not None), default=None)
        wait = max((first - self._clock()).total_seconds(), 0.1) if first is not None else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._wake.wait()
        self._wake.clear()

    async def _carry_out(self, key: Key) -> None:
        job = self._wanted.get(key)
        if job is None:
            self._fleet.done(text_of(key))
            return
        done = await self._work(key, job)
        kind = job.kind.value if isinstance(job, SnapshotJob) else "Drill"
        if done.not_tried and key in self._store:
            again = self._fleet.not_started(text_of(key), self._clock())
            if isinstance(job, SnapshotJob):
                self._not_begun[key] = job
            logger.info("%s: %s could not be begun (%s); again at %s", key, job.name, done.failure, again)
            self._count(kind, "not_started")
        else:
            self._fleet.done(text_of(key))
            self._wanted.pop(key, None)
            self._not_begun.pop(key, None)
            self._count(kind, "failure" if done.failure is not None else "success")
            if key in self._store:
                self._ended.setdefault(key, []).append(done)
            logger.info("%s: %s ended after %.1f s: %s", key, job.name, done.seconds, done.failure or "good")
        if key in self._store:
            self._mark(key)
        self._wake.set()

    def _want(self, key: Key, policy: str | None, job: Job | None, due: dt.datetime | None) -> None:
        if policy is None or job is None or due is None:
            self._fleet.withdraw(text_of(key))
            return
        self._wanted.setdefault(key, job)
        if self._wanted[key] != job and not self._fleet.is_running(text_of(key)):
            self._wanted[key] = job
        self._fleet.want(text_of(key), policy, job.name, due)
        self._wake.set()

    def _given_up(self, key: Key, job: SnapshotJob | None, history: SnapshotHistory) -> MissedSlot | None:
        """The slot that could not be begun until the next one of its kind took its place, if there is one.

        Its deadline need not have passed: where that is as long as the interval, an agent that never answers would
        miss nothing. The plan cannot tell it from a slot that passed while no operator was there, which is none's
        failure.
        """
        tried = self._not_begun.get(key)
        if tried is None or job is None or job.kind != tried.kind or job.slot <= tried.slot:
            return None
        last = history.of(tried.kind).last_slot
        if Why.REQUESTED in (tried.why, job.why) or (last is not None and last >= tried.slot):
            del self._not_begun[key]
            return None
        return MissedSlot(tried.kind, tried.slot, True, PlanReason.DUE)

    def _policy_of(self, base: PronoteBase) -> tuple[str | None, BackupPolicySpec | None]:
        """The policy that covers a base. That nothing else is wrong with the base is no condition."""
        names = self._shared.policy_names
        try:
            name = referred("spec.backupPolicy", "BackupPolicy", base.spec.backup_policy, names, required=False)
        except (ReferenceMissing, Unusable):
            return None, None  # the base's own conditions tell it
        return (name, self._shared.policies[name].spec) if name is not None else (None, None)

    async def _known(self, outcome: Pass) -> SnapshotHistory:
        """The history with all that ended since it was written."""
        key = outcome.key
        history = history_of(outcome.base.status.snapshots)
        if outcome.kept_told is None and self._must_look(outcome, history):
            try:
                outcome.kept_told = listed_in(await (await self._agents.of(key)).snapshots())
                self._looked_through.add(key)
                if (roll := _ended_lately(outcome, history)) is not None:
                    self._looked_after[key] = roll
            except (AgentError, ApiError) as error:
                logger.info("%s: what is kept from before cannot be told yet: %s", key, error)
                outcome.again(LOOK_SECONDS)
        if outcome.kept_told is not None:
            history = after_listing(history, outcome.kept_told, outcome.now)
        ended = self._ended.get(key, [])
        self._folded[key] = len(ended)
        for done in ended:
            history = _after(history, done)
        return history

    def _must_look(self, outcome: Pass, history: SnapshotHistory) -> bool:
        """Whether the volume may hold snapshots that the status knows nothing of.

        It is older than the base; or a roll has ended lately, and was gone back from, with a safety snapshot, or its
        archive is not told: the operator was killed between the restart and the note of it. Only then: to ask thousands
        of new bases would be a storm for nothing.
        """
        if _server_state(outcome) is not ServerState.SERVING:
            return False
        if (ended := _ended_lately(outcome, history)) is not None and self._looked_after.get(outcome.key) != ended:
            return True
        if history.names or outcome.key in self._looked_through:
            return False
        return outcome.is_older(Names(outcome.key.name).snapshots_claim)

    def _news_of(self, key: Key) -> list[News]:
        return [news for done in self._ended.get(key, []) if (news := _told(done)) is not None]

    def _expendable(self, key: Key, job: SnapshotJob, existing: tuple[ListedSnapshot, ...]) -> tuple[str, ...]:
        body = self._store.get(key)
        if body is None:
            return ()
        base = PronoteBase.model_validate(body)
        _, policy = self._policy_of(base)
        if policy is None:
            return ()
        return expendable(existing, policy, taken=job.name, now=self._clock(), in_use=self._in_use(key, base))

    def _in_use(self, key: Key, base: PronoteBase) -> frozenset[str]:
        """Snapshots of a base that a restore asks for, or that another base is to be made from."""
        used = set()
        if is_open(base.spec.restore, base.status.restore):
            used |= {base.spec.restore.snapshot if base.spec.restore is not None else None}
            used |= {base.status.restore.snapshot if base.status.restore is not None else None}
        if base.status.roll is not None and base.status.roll.completed_time is None:
            used.add(base.status.roll.snapshot)
        for other in self._store:
            if other.kind == key.kind and other.namespace == key.namespace and other != key:
                source = (self._store.get(other) or {}).get("spec", {}).get("source", {}).get("snapshot") or {}
                if source.get("base") == key.name:
                    used.add(source.get("name"))
        return frozenset(name for name in used if name)


def _ended_lately(outcome: Pass, history: SnapshotHistory) -> str | None:
    """The roll that has ended within a day and left snapshots that may not be told; None when there is none."""
    roll = outcome.roll or {}
    completed = roll.get("completedTime")
    if roll.get("snapshot") is None or completed is None:
        return None
    if outcome.now - dt.datetime.fromisoformat(completed) > LATELY:
        return None
    return str(roll["id"]) if roll["phase"] == "RolledBack" or roll["snapshot"] not in history.names else None


def _server_state(outcome: Pass) -> ServerState:
    there = outcome.statefulset
    if there is not None and there.ready:
        return ServerState.SERVING
    if not outcome.base.spec.in_service or (there is not None and there.replicas == 0):
        return ServerState.STOPPED
    return ServerState.NOT_READY


def _after(history: SnapshotHistory, done: Done) -> SnapshotHistory:
    if isinstance(done.job, DrillJob):
        history = after_drill(history, done.ended, good=done.failure is None)
        return after_listing(history, done.listed, done.ended) if done.listed is not None else history
    if done.failure is not None or done.taken is None:
        return after_failure(history, done.job, done.ended)
    history = after_good(history, done.job, done.taken, done.ended)
    return after_listing(history, done.listed, done.ended) if done.listed is not None else history


def _told(done: Done) -> News | None:
    name = done.job.name
    if isinstance(done.job, DrillJob):
        if done.failure is None:
            return News(False, "DrillPassed", done.told)
        return News(True, "DrillFailed", f"{name}: {done.failure[0]}: {done.failure[1]}")
    if done.failure is not None:
        return News(True, "SnapshotFailed", f"{name}: {done.failure[0]}: {done.failure[1]}")
    if done.told:
        return News(True, "RetentionFailed", f"{name} was taken, but {done.told}")
    if done.job.why is Why.REQUESTED:
        return News(False, "SnapshotTaken", f"{name}, which was asked for, was taken")
    return None


def _missed(slot: MissedSlot) -> News:
    when = slot.slot.strftime("%Y-%m-%d %H:%M UTC")
    noun = slot.kind.value
    if not slot.failed:
        return News(
            False, "SnapshotSkipped", f"The {noun} due at {when} was skipped: {_WHY.get(slot.reason, slot.reason)}"
        )
    return News(True, "SnapshotMissed", f"The {noun} due at {when} was missed: {_WHY.get(slot.reason, slot.reason)}")


_WHY = {
    PlanReason.SERVER_STOPPED: "the server is stopped",
    PlanReason.POLICY_SUSPENDED: "the policy is suspended",
    PlanReason.RESTORE_RUNNING: "a restore was under way",
    PlanReason.SERVER_NOT_READY: "the server was not ready",
    PlanReason.DUE: "its time passed before it could be begun",
}
