"""The condition BackedUp of a base, and when time alone changes it.

It speaks of the schedule's own promise: a snapshot counts as recent until the first slot that fell due after it has
passed its deadline. Messages name moments, never ages: nothing changes by the mere passing of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pronote_operator.api.constants import BACKED_UP
from pronote_operator.api.snapshots import SnapshotKind
from pronote_operator.planning.conditions import Condition, timestamp
from pronote_operator.planning.schedule import InvalidScheduleError, Slot, next_due, spread_offset
from pronote_operator.planning.snapshot_history import CLOCK_SLACK, KindHistory, SnapshotHistory
from pronote_operator.planning.snapshot_plan import SCHEDULED_KINDS, ServerState, Situation, settled_until, timetable_of

_NOUNS = {
    SnapshotKind.BACKUP: ("backup", "backups"),
    SnapshotKind.ARCHIVE: ("archive", "archives"),
    SnapshotKind.YEAR_END_ARCHIVE: ("year-end archive", "year-end archives"),
    SnapshotKind.SAFETY: ("safety snapshot", "safety snapshots"),
}


@dataclass(frozen=True, slots=True)
class BackedUp:
    """The condition now.

    Args:
        condition: to write.
        again: when time alone changes it, None for never.
    """

    condition: Condition
    again: datetime | None = None


def backed_up(situation: Situation, history: SnapshotHistory) -> BackedUp:
    """Whether there are the snapshots that there should be.

    Args:
        situation: of the base, as for its plan.
        history: after the plan, so that what was missed is counted.

    Raises:
        UnknownZoneError: `situation.tz` is no time zone.
    """
    if situation.policy is None:
        return _false("NoPolicy", "No BackupPolicy covers this base: no snapshots are taken of it")
    try:
        awaited = {kind: _awaited(situation, history, kind) for kind in SCHEDULED_KINDS}
    except InvalidScheduleError as error:
        return _false("InvalidSchedule", f"The BackupPolicy cannot be followed: {error}")
    newest = _newest(history)
    ahead = max((settled_until(situation, history, kind) for kind in SCHEDULED_KINDS), default=situation.now)
    if ahead - CLOCK_SLACK > situation.now:
        message = (
            f"The clock went back: slots are settled until {timestamp(ahead)}, and none comes before that. If the "
            "clock is right now, remove status.snapshots.kinds of this base"
        )
        return BackedUp(Condition(BACKED_UP, "False", "ClockWentBack", message), ahead - CLOCK_SLACK)
    if failing := [one for one in history.kinds if one.failures]:
        counted = "; ".join(_failures(one) for one in failing)
        return _false("Failing", f"{counted}. {newest}")
    late = {kind: slot for kind, slot in awaited.items() if slot is not None and slot.expires <= situation.now}
    turns = min((slot.expires for slot in awaited.values() if slot is not None), default=None)
    taken = history.last_backup is not None
    if situation.policy.suspend:
        recent = taken and not late
        message = f"The BackupPolicy is suspended: no snapshots are taken. {newest}"
        condition = Condition(BACKED_UP, "True" if recent else "False", "PolicySuspended", message)
        return BackedUp(condition, turns if recent else None)
    if situation.server is ServerState.STOPPED:
        message = f"The server is stopped: no snapshots are taken until it serves again. {newest}"
        return BackedUp(Condition(BACKED_UP, "True" if taken else "False", "ServerStopped", message))
    if not taken:
        first = min((slot for slot in awaited.values() if slot is not None), key=lambda slot: slot.due, default=None)
        when = "none is ever due" if first is None else f"the first one is due at {timestamp(first.due)}"
        return _false("NeverTaken", f"No snapshot was taken yet; {when}")
    if late:
        overdue = ", ".join(
            f"no {_NOUNS[kind][0]} since the one due at {timestamp(slot.due)}" for kind, slot in late.items()
        )
        return _false("TooOld", f"Snapshots are overdue: {overdue}. {newest}")
    return BackedUp(Condition(BACKED_UP, "True", "Recent", newest), turns)


def _false(reason: str, message: str) -> BackedUp:
    return BackedUp(Condition(BACKED_UP, "False", reason, message))


def _awaited(situation: Situation, history: SnapshotHistory, kind: SnapshotKind) -> Slot | None:
    """The first slot that falls due after the newest good snapshot: until it expires, that one is recent."""
    policy = situation.policy
    assert policy is not None, "asked before"
    table = timetable_of(policy, kind, situation.tz, spread_offset(situation.uid, policy.spread_minutes))
    since = history.of(kind).last_success
    if kind is SnapshotKind.BACKUP and history.last_archive is not None:
        # An archive holds what a backup does.
        since = history.last_archive if since is None else max(since, history.last_archive)
    if since is None:
        return next_due(table, situation.created, situation.created)
    return next_due(table, situation.created, max(since, situation.created))


def _failures(kind: KindHistory) -> str:
    one, many = _NOUNS[kind.kind]
    count = f"1 {one}" if kind.failures == 1 else f"{kind.failures} {many}"
    since = (
        "none was good yet" if kind.last_success is None else f"since the good one of {timestamp(kind.last_success)}"
    )
    return f"{count} failed or missed, {since}"


def _newest(history: SnapshotHistory) -> str:
    if history.last_backup is None:
        return "There is no good snapshot"
    if history.last_archive is None:
        return f"The newest snapshot is of {timestamp(history.last_backup)}; there is no archive yet"
    if history.last_archive == history.last_backup:
        return f"The newest snapshot is an archive of {timestamp(history.last_archive)}"
    return (
        f"The newest snapshot is of {timestamp(history.last_backup)}, "
        f"the newest archive of {timestamp(history.last_archive)}"
    )
