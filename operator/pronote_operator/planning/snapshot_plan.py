"""What to do about the snapshots of one base now: a function of its policy, its history, its server and the clock.

The one entry point is `snapshot_plan`. A pass over a base writes the history that it gives, and takes the one snapshot
that it names, if any; when that has ended, `after_good` or `after_failure` gives the history to plan with anew. All
that is remembered is in the history: an operator that was restarted plans the same, and asks for the same name again,
which joins the work under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pronote_operator.api.backuppolicy import BackupPolicySpec
from pronote_operator.api.snapshots import SnapshotKind, parsed_name, snapshot_name
from pronote_operator.planning.schedule import (
    InvalidScheduleError,
    Slot,
    Timetable,
    interval,
    latest_slot,
    newest_due,
    next_due,
    spread_offset,
)
from pronote_operator.planning.snapshot_history import SnapshotHistory, after_missed, with_next_time
from pronote_operator.planning.snapshot_job import SnapshotJob, Why

SCHEDULED_KINDS = (SnapshotKind.ARCHIVE, SnapshotKind.BACKUP)
"""Those with a schedule, in the order in which they are taken: an archive holds what a backup does, and more."""
FAST_CLOCK = timedelta(minutes=5)
"""How far ahead of ours the clock of the person who asks for an extra snapshot may be."""
_SECOND = timedelta(seconds=1)


class ServerState(StrEnum):
    """What a base's server does, as far as snapshots need it."""

    SERVING = "Serving"
    STOPPED = "Stopped"
    """On purpose: out of service, or suspended in that state."""
    NOT_READY = "NotReady"


class PlanReason(StrEnum):
    """Why there is something to do, or nothing."""

    DUE = "Due"
    NOTHING_DUE = "NothingDue"
    SERVER_NOT_READY = "ServerNotReady"
    SERVER_STOPPED = "ServerStopped"
    POLICY_SUSPENDED = "PolicySuspended"
    RESTORE_RUNNING = "RestoreRunning"
    NO_POLICY = "NoPolicy"
    INVALID_SCHEDULE = "InvalidSchedule"


_ON_PURPOSE = frozenset({PlanReason.SERVER_STOPPED, PlanReason.POLICY_SUSPENDED, PlanReason.RESTORE_RUNNING})
"""What keeps snapshots from being taken and is no failure."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a base besides its history.

    Args:
        policy: that covers it; None when none does.
        tz: its time zone, a valid one.
        uid: of the object; its offset in the spread comes from it.
        created: when the object was created, aware; slots count from then on.
        now: aware.
        server: what its server does.
        request: the annotation ANNOTATION_SNAPSHOT_REQUEST, None when there is none.
        restoring: whether a restore is asked for and has not ended.
    """

    policy: BackupPolicySpec | None
    tz: str
    uid: str
    created: datetime
    now: datetime
    server: ServerState
    request: str | None = None
    restoring: bool = False


@dataclass(frozen=True, slots=True)
class MissedSlot:
    """A slot that passed without a try, and is told once."""

    kind: SnapshotKind
    slot: datetime
    failed: bool
    """Whether it counts as a failure; else it was skipped on purpose."""
    reason: PlanReason
    """What kept it from being taken; Due when nothing did that is known: nobody was there to take it, or no place."""


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """What to do now.

    Args:
        history: to write; equal to the one given when there is nothing to write.
        job: the one snapshot to take now, None for none.
        reason: why, or why not.
        again: when time alone makes another plan, None for never.
        missed: slots that passed without a try and were settled by this plan.
        refused: why the extra snapshot that is asked for can never be taken, in words; None when nothing is wrong.
    """

    history: SnapshotHistory
    job: SnapshotJob | None
    reason: PlanReason
    again: datetime | None
    missed: tuple[MissedSlot, ...] = ()
    refused: str | None = None


def snapshot_plan(situation: Situation, history: SnapshotHistory) -> SnapshotPlan:
    """The plan for one base.

    An extra snapshot goes first, since a person waits for it; then an archive, then a backup.

    Raises:
        UnknownZoneError: `situation.tz` is no time zone.
    """
    policy = situation.policy
    if policy is None:
        return SnapshotPlan(with_next_time(history, None), None, PlanReason.NO_POLICY, None)
    held = hindrance(situation)
    offset = spread_offset(situation.uid, policy.spread_minutes)
    jobs: list[SnapshotJob] = []
    missed: list[MissedSlot] = []
    times: list[datetime] = []
    dues: list[datetime] = []
    invalid = False
    for kind in SCHEDULED_KINDS:
        try:
            one = _kind_plan(situation, timetable_of(policy, kind, situation.tz, offset), kind, history, held)
        except InvalidScheduleError:
            invalid = True
            continue
        missed += one.missed
        for each in one.missed:
            history = after_missed(history, kind, each.slot, failed=each.failed)
        jobs += [one.job] if one.job else []
        times += [one.job.expires] if one.job else []
        times += [one.next.due] if one.next else []
        dues += [one.job.due] if one.job else [one.next.due] if one.next else []
    extra = _extra(situation, policy, history)
    if extra.job is not None:
        jobs.insert(0, extra.job)
    if extra.again is not None:
        times.append(extra.again)
    quiet = held in (PlanReason.SERVER_STOPPED, PlanReason.POLICY_SUSPENDED)
    again = min(times, default=None)
    history = with_next_time(history, None if quiet else min(dues, default=None))
    if held is not None:
        return SnapshotPlan(history, None, held, again, tuple(missed), extra.refused)
    job = jobs[0] if jobs else None
    idle = PlanReason.INVALID_SCHEDULE if invalid else PlanReason.NOTHING_DUE
    return SnapshotPlan(history, job, PlanReason.DUE if job else idle, again, tuple(missed), extra.refused)


def hindrance(situation: Situation) -> PlanReason | None:
    """What keeps any snapshot of a base that has a policy from being taken now; None when nothing does."""
    if situation.policy is not None and situation.policy.suspend:
        return PlanReason.POLICY_SUSPENDED
    if situation.restoring:
        return PlanReason.RESTORE_RUNNING
    if situation.server is ServerState.STOPPED:
        return PlanReason.SERVER_STOPPED
    return PlanReason.SERVER_NOT_READY if situation.server is ServerState.NOT_READY else None


def timetable_of(policy: BackupPolicySpec, kind: SnapshotKind, tz: str, offset: timedelta) -> Timetable:
    """When snapshots of a kind with a schedule are due."""
    schedule = (policy.archives if kind is SnapshotKind.ARCHIVE else policy.backups).schedule
    return Timetable(schedule, tz, offset, timedelta(minutes=policy.starting_deadline_minutes))


def settled_until(situation: Situation, history: SnapshotHistory, kind: SnapshotKind) -> datetime:
    """The time up to which all slots of a kind are settled: the newest one that was, or the base's creation."""
    last = history.of(kind).last_slot
    return situation.created if last is None else max(last, situation.created)


@dataclass(frozen=True, slots=True)
class _KindPlan:
    missed: tuple[MissedSlot, ...]
    job: SnapshotJob | None
    next: Slot | None


def _kind_plan(
    situation: Situation, table: Timetable, kind: SnapshotKind, history: SnapshotHistory, held: PlanReason | None
) -> _KindPlan:
    now, settled = situation.now, settled_until(situation, history, kind)
    slot = newest_due(table, settled, now)
    coming = next_due(table, settled, now)
    if slot is None or not _unknown(history, kind, slot.time):
        # Its snapshot may be there although the status that said so was lost: nothing to do, nothing failed.
        return _KindPlan((), None, coming)
    passed = None
    if now >= slot.expires:
        passed = slot.time
    elif held is not None:
        # The deadline may be longer than the interval: a slot passes, at the latest, when the next one falls due.
        passed = latest_slot(table.schedule, table.tz, slot.time - _SECOND, settled)
    missed: tuple[MissedSlot, ...] = ()
    if passed is not None and _unknown(history, kind, passed):
        missed = (MissedSlot(kind, passed, held not in _ON_PURPOSE, held or PlanReason.DUE),)
    job = _job(situation, table, kind, slot, settled) if now < slot.expires else None
    return _KindPlan(missed, job, coming)


def _unknown(history: SnapshotHistory, kind: SnapshotKind, slot: datetime) -> bool:
    name = snapshot_name(kind, slot)
    return name != history.last_request and name not in history.names


def _job(situation: Situation, table: Timetable, kind: SnapshotKind, slot: Slot, settled: datetime) -> SnapshotJob:
    skipped = latest_slot(table.schedule, table.tz, slot.time - _SECOND, settled)
    longest = interval(table.schedule, table.tz, slot.time.date())
    return SnapshotJob(
        kind=kind,
        name=snapshot_name(kind, slot.time),
        slot=slot.time,
        due=slot.due,
        expires=slot.expires,
        why=Why.SCHEDULED if skipped is None else Why.CATCH_UP,
        interval_seconds=None if longest is None else int(longest.total_seconds()),
        deadline_seconds=int(table.deadline.total_seconds()),
    )


@dataclass(frozen=True, slots=True)
class _Extra:
    job: SnapshotJob | None = None
    again: datetime | None = None
    refused: str | None = None


def _extra(situation: Situation, policy: BackupPolicySpec, history: SnapshotHistory) -> _Extra:
    """The extra snapshot that is asked for: taken once, within the deadline after the time in its name."""
    name, now = situation.request, situation.now
    if name is None or name == history.last_request or name in history.names:
        return _Extra()
    try:
        kind, asked = parsed_name(name)
    except ValueError as error:
        return _Extra(refused=str(error))
    if kind is SnapshotKind.SAFETY:
        return _Extra(refused=f"{name}: safety snapshots are taken by restores only; ask for another kind")
    expires = asked + timedelta(minutes=policy.starting_deadline_minutes)
    if now >= expires or _older_than_last(history, asked):
        return _Extra()
    if asked - FAST_CLOCK > now:
        return _Extra(again=asked - FAST_CLOCK)
    deadline = policy.starting_deadline_minutes * 60
    job = SnapshotJob(kind, name, asked, asked, expires, Why.REQUESTED, deadline_seconds=deadline)
    return _Extra(job, expires)


def _older_than_last(history: SnapshotHistory, asked: datetime) -> bool:
    """Whether a later request was answered already: an older one that comes back is not asked again."""
    if history.last_request is None:
        return False
    try:
        return asked <= parsed_name(history.last_request)[1]
    except ValueError:
        return False
