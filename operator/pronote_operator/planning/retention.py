"""Which snapshots are deleted. Asked after a good snapshot only, so that a failing base keeps what it has.

Rules, by kind:

- Backup, Archive, YearEndArchive: the newest `keep` good ones stay, as the policy says, and always one at least.
- Safety: whatever was taken within seven days stays, and of the older ones the newest three. A safety snapshot is the
  way back from a restore that was a mistake; mistakes are found within days, and a few are kept beyond as history.
- A damaged one counts for nothing, and goes only when a newer good one of its kind exists.
- One that seems to come from the future was taken by a clock that has gone back since: it counts as the oldest.
- The snapshot just taken and those in use (by a restore) never go.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pronote_operator.api.backuppolicy import BackupPolicySpec
from pronote_operator.api.snapshots import SnapshotKind, parsed_name
from pronote_operator.planning.snapshot_history import CLOCK_SLACK, ListedSnapshot, kind_of

SAFETY_AGE = timedelta(days=7)
"""A safety snapshot younger than this never goes."""
SAFETY_KEEP = 3
"""Older safety snapshots that stay."""


def expendable(
    existing: Iterable[ListedSnapshot],
    policy: BackupPolicySpec,
    *,
    taken: str,
    now: datetime,
    in_use: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    """The names to delete after a good snapshot, oldest first.

    Args:
        existing: all that exist, in any order.
        policy: of the base.
        taken: the name of the good snapshot that was just taken. Of its kind, and of safety snapshots, some may go; the
            other kinds wait for a good one of their own.
        now: aware.
        in_use: names that a restore uses, or may still use.

    Raises:
        ValueError: `taken` is no name of a snapshot.
    """
    kind, _ = parsed_name(taken)
    by_age = sorted(existing, key=lambda one: (one.taken <= now + CLOCK_SLACK, one.taken, one.name))
    of_kind: dict[SnapshotKind, list[ListedSnapshot]] = {}
    for one in by_age:
        found = kind_of(one.name)
        if found is not None:
            of_kind.setdefault(found, []).append(one)
    spared = in_use | {taken}
    going: set[str] = set()
    if kind is not SnapshotKind.SAFETY:
        going |= _beyond(of_kind.get(kind, []), _keep(policy, kind), taken)
    safety = of_kind.get(SnapshotKind.SAFETY, [])
    old = [one for one in safety if now - one.taken >= SAFETY_AGE]
    going |= _beyond(old, SAFETY_KEEP, taken)
    for each in {kind, SnapshotKind.SAFETY}:
        going |= _damaged(of_kind.get(each, []))
    return tuple(one.name for one in by_age if one.name in going - spared)


def _keep(policy: BackupPolicySpec, kind: SnapshotKind) -> int:
    keep = {
        SnapshotKind.BACKUP: policy.backups.keep,
        SnapshotKind.ARCHIVE: policy.archives.keep,
        SnapshotKind.YEAR_END_ARCHIVE: policy.year_end_archives.keep,
    }[kind]
    return max(keep, 1)


def _beyond(by_age: list[ListedSnapshot], keep: int, taken: str) -> set[str]:
    """Good ones beyond the newest `keep`. The one just taken is the newest, whatever a clock that went back says."""
    good = [one.name for one in by_age if not one.damaged and one.name != taken]
    if any(one.name == taken and not one.damaged for one in by_age):
        keep -= 1
    return set(good[: max(len(good) - keep, 0)])


def _damaged(by_age: list[ListedSnapshot]) -> set[str]:
    """Damaged ones that are older than a good one."""
    newest = max((place for place, one in enumerate(by_age) if not one.damaged), default=-1)
    return {one.name for one in by_age[: newest + 1] if one.damaged}
