"""Restore drills: when a base's newest archive is restored aside and checked.

Drills are spread over the fleet: each base has its own moment in every period, from its UID, on a grid that begins at
the epoch; a restart, or a look that comes late, moves none. A drill that failed is tried again a day later, with what
is the newest then.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pronote_operator.api.snapshots import SnapshotKind
from pronote_operator.planning.snapshot_history import SnapshotHistory, kind_of
from pronote_operator.planning.snapshot_plan import PlanReason, Situation, hindrance

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RETRY = timedelta(days=1)
"""After a drill that failed."""


class NoDrill(StrEnum):
    """Why there is no drill now, besides what hinders snapshots."""

    NOT_DUE = "NotDue"
    NO_SNAPSHOT = "NoSnapshot"


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """What to verify now.

    Args:
        name: of the snapshot to restore aside and check; None for none.
        due: since when, or when next; the order of the fleet. None without a policy.
        reason: why there is none now; None when there is one.
    """

    name: str | None
    due: datetime | None
    reason: NoDrill | PlanReason | None = None


def drill_plan(situation: Situation, history: SnapshotHistory) -> DrillPlan:
    """The drill of one base; it comes after any snapshot that is due.

    While something hinders it (server stopped or not ready, policy suspended, a restore), it stays due.
    """
    if situation.policy is None:
        return DrillPlan(None, None, PlanReason.NO_POLICY)
    due = drill_due(situation.uid, situation.policy.verification.every_days, situation.created, situation.now, history)
    if due > situation.now:
        return DrillPlan(None, due, NoDrill.NOT_DUE)
    held = hindrance(situation)
    if held is not None:
        return DrillPlan(None, due, held)
    name = snapshot_to_verify(history.names)
    return DrillPlan(name, due, None if name else NoDrill.NO_SNAPSHOT)


def drill_due(uid: str, every_days: int, created: datetime, now: datetime, history: SnapshotHistory) -> datetime:
    """When the next drill is or was due: a moment up to now means that it is to be done.

    Args:
        uid: of the base.
        every_days: length of a period, days.
        created: of the base, aware.
        now: aware.
        history: its drills.
    """
    every = timedelta(days=every_days)
    last, good = history.last_drill, history.last_verified
    since = created if last is None else max(last, created)
    due = _grid_after(uid, every, since)
    newest = _grid_after(uid, every, now) - every
    # Of several that were missed, the newest only.
    due = max(due, newest) if newest > since else due
    failed = last is not None and (good is None or good < last)
    return min(due, since + RETRY) if failed else due


def snapshot_to_verify(names: tuple[str, ...]) -> str | None:
    """The newest archive, else the newest backup, of names that are ordered from the oldest on; None: neither is."""
    newest: dict[SnapshotKind, str] = {}
    for name in names:
        kind = kind_of(name)
        if kind is not None:
            newest[kind] = name
    return newest.get(SnapshotKind.ARCHIVE) or newest.get(SnapshotKind.BACKUP)


def _grid_after(uid: str, every: timedelta, moment: datetime) -> datetime:
    """The first moment of the base's grid later than `moment`."""
    digest = hashlib.blake2b(uid.encode("utf-8", "surrogatepass"), digest_size=8, person=b"drill").digest()
    begins = EPOCH + timedelta(seconds=int.from_bytes(digest, "big") % int(every.total_seconds()))
    return begins + ((moment - begins) // every + 1) * every
