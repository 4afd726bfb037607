"""One snapshot to take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pronote_operator.api.snapshots import SnapshotKind


class Why(StrEnum):
    """What a snapshot is taken for."""

    SCHEDULED = "Scheduled"
    CATCH_UP = "CatchUp"
    """The newest of several slots that were missed: it stands for all of them."""
    REQUESTED = "Requested"
    """An extra one that a person asked for, kept like its kind."""
    ROLLOVER = "Rollover"
    """For a roll to another release or school year, or at the date of the year-end archive."""


@dataclass(frozen=True, slots=True)
class SnapshotJob:
    """One snapshot to take.

    Args:
        kind: of snapshot.
        name: under which it is asked for and kept; asking twice for one name makes one snapshot.
        slot: the time in the name.
        due: when it fell due; the order of the fleet.
        expires: from then on it is not started any more.
        why: what it is for.
        interval_seconds: the longest time between slots of its kind, for alerts; None for a kind without a schedule.
        deadline_seconds: how long a slot may still be started after it fell due, for alerts.
    """

    kind: SnapshotKind
    name: str
    slot: datetime
    due: datetime
    expires: datetime
    why: Why
    interval_seconds: int | None = None
    deadline_seconds: int | None = None
