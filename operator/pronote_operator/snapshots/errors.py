"""Why something could not be done with snapshots: one reason for machines, one sentence for people."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reasons, as they appear in answers, statuses, and labels of metrics."""

    VOLUME_FULL = "VolumeFull"
    """The volume of the snapshots has no room."""
    NO_ROOM = "NoRoom"
    """A verification found too little room to extract the snapshot aside; nothing was tried."""
    REPOSITORY_DAMAGED = "RepositoryDamaged"
    REPOSITORY_MISSING = "RepositoryMissing"
    SNAPSHOT_MISSING = "SnapshotMissing"
    SNAPSHOT_DAMAGED = "SnapshotDamaged"
    KEY_WRONG = "KeyWrong"
    """The key is not there, or is not the one that the repository was made with."""
    CHECKPOINT_FAILED = "CheckpointFailed"
    """What was to be stored could not be had, or not be read as a whole."""
    BUSY = "Busy"
    """Another process is at work on the repository."""
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    STORE_FAILED = "StoreFailed"
    """Anything else that borg or the volume answered; the message says what."""


class SnapshotError(Exception):
    """It could not be done, and nothing half done counts.

    Args:
        reason: for machines.
        message: one sentence; no path of a secret, no secret.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
