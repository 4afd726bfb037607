"""The status of a BackupPolicy as a function of its spec and its bases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pronote_operator.api.backuppolicy import BackupPolicy, BackupPolicySpec
from pronote_operator.api.constants import READY, STALLED
from pronote_operator.planning.conditions import Condition, merged_conditions, timestamp
from pronote_operator.planning.schedule import InvalidScheduleError, check_schedule


@dataclass(frozen=True, slots=True)
class CoveredBase:
    """One base of a policy.

    Args:
        backed_up: whether its condition BackedUp is True.
        failing: whether snapshots failed since the last good one.
        last_backup: when its newest snapshot was taken; None when there is none.
    """

    backed_up: bool
    failing: bool
    last_backup: datetime | None


def policy_status(policy: BackupPolicy, bases: Iterable[CoveredBase] | None, now: datetime) -> dict[str, Any]:
    """The status to write. Time alone never changes it.

    `oldestBackupTime` moves at most of the fleet's snapshots: a caller writes it now and then, not at each of them.

    Args:
        policy: as it was read.
        bases: that follow it; None where not all are seen: then no figure is told.
        now: aware, for the times of the conditions.
    """
    before = policy.status.to_manifest().get("conditions", [])
    generation = policy.metadata.generation
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merged_conditions(before, _conditions(policy.spec), generation, now),
    }
    if bases is None:
        return status
    covered = list(bases)
    status |= {
        "bases": len(covered),
        "backedUp": sum(base.backed_up for base in covered),
        "failing": sum(base.failing for base in covered),
    }
    oldest = min((base.last_backup for base in covered if base.last_backup is not None), default=None)
    if oldest is not None:
        status["oldestBackupTime"] = timestamp(oldest)
    return status


def _conditions(spec: BackupPolicySpec) -> list[Condition]:
    for field, schedule in (("backups", spec.backups.schedule), ("archives", spec.archives.schedule)):
        try:
            check_schedule(schedule)
        except InvalidScheduleError as error:
            message = f"spec.{field}.schedule: {error}"
            return [
                Condition(READY, "False", "InvalidSchedule", message),
                Condition(STALLED, "True", "InvalidSchedule", message),
            ]
    if spec.suspend:
        return [Condition(READY, "True", "Suspended", "spec.suspend is true: no snapshots are taken")]
    return [Condition(READY, "True", "Scheduled", "Snapshots of the bases that follow this policy are taken")]
