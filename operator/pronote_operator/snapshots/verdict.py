"""What a run of borg came to: its log lines, and what it failed of."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pronote_operator.snapshots.errors import Reason, SnapshotError

logger = logging.getLogger(__name__)

Message = Mapping[str, Any]


@dataclass
class Run:
    """One run of borg: filled while it goes on."""

    messages: list[Message] = field(default_factory=list)
    """Its log lines of every level that it was asked for, without progress."""
    code: int = 0
    output: bytes = b""
    ended: str | None = None
    """Why we ended it, if we did: ``Cancelled`` or ``TimedOut``."""

    @property
    def texts(self) -> list[str]:
        """The log lines' texts."""
        return [str(message.get("message", "")) for message in self.messages]

    @property
    def ids(self) -> set[str]:
        """The log lines' message ids."""
        return {str(message["msgid"]) for message in self.messages if message.get("msgid")}


_BY_ID: Final = {
    "PassphraseWrong": Reason.KEY_WRONG,
    "Repository.DoesNotExist": Reason.REPOSITORY_MISSING,
    "Repository.PathPermissionDenied": Reason.STORE_FAILED,
    "Repository.InsufficientFreeSpaceError": Reason.VOLUME_FULL,
    "Repository.StorageQuotaExceeded": Reason.VOLUME_FULL,
    "Archive.DoesNotExist": Reason.SNAPSHOT_MISSING,
    "LockTimeout": Reason.BUSY,
    "LockFailed": Reason.STORE_FAILED,
    "LockError": Reason.BUSY,
    "Repository.InvalidRepository": Reason.REPOSITORY_DAMAGED,
    "Repository.InvalidRepositoryConfig": Reason.REPOSITORY_DAMAGED,
    "Repository.CheckNeeded": Reason.REPOSITORY_DAMAGED,
    "Repository.ObjectNotFound": Reason.REPOSITORY_DAMAGED,
    "Repository.ParentPathDoesNotExist": Reason.REPOSITORY_MISSING,
    "IntegrityError": Reason.REPOSITORY_DAMAGED,
    "DecompressionError": Reason.REPOSITORY_DAMAGED,
    "NoManifestError": Reason.REPOSITORY_DAMAGED,
    "TAMInvalid": Reason.REPOSITORY_DAMAGED,
    "TAMRequiredError": Reason.REPOSITORY_DAMAGED,
    "ManifestTAMInvalid": Reason.REPOSITORY_DAMAGED,
    "RepoKeyNotFoundError": Reason.REPOSITORY_DAMAGED,
    "KeyfileInvalidError": Reason.REPOSITORY_DAMAGED,
    "KeyfileNotFoundError": Reason.REPOSITORY_DAMAGED,
    "UnsupportedPayloadError": Reason.REPOSITORY_DAMAGED,
    "UnsupportedManifestError": Reason.REPOSITORY_DAMAGED,
    "Cache.RepositoryReplay": Reason.REPOSITORY_DAMAGED,
}
"""borg's message ids (docs: internals, "Message IDs"; and the names of its exception classes)."""

_BY_TEXT: Final = (
    (("Errno 28", "Errno 122", "No space left"), Reason.VOLUME_FULL),
    (("Data integrity error", "IntegrityError", "ObjectNotFound", "FileIntegrityError", "Errno 5]", "Errno 117",
      "Invalid segment magic", "is corrupted"), Reason.REPOSITORY_DAMAGED),
    (("not a valid repository", "InvalidRepository"), Reason.REPOSITORY_DAMAGED),
    (("Failed to create/acquire the lock",), Reason.BUSY),
)  # fmt: skip
"""Where borg gives no id: what its traceback says."""

MESSAGES: Final = {
    Reason.VOLUME_FULL: "the volume of the snapshots is full",
    Reason.REPOSITORY_DAMAGED: "the repository of the snapshots is damaged",
    Reason.REPOSITORY_MISSING: "there is no repository of snapshots",
    Reason.SNAPSHOT_MISSING: "there is no such snapshot",
    Reason.KEY_WRONG: "the key does not open the repository of the snapshots",
    Reason.BUSY: "another process is at work on the repository of the snapshots",
    Reason.CANCELLED: "the work was cancelled",
    Reason.TIMED_OUT: "borg did not end in time",
}


_EXCEPTION: Final = re.compile(r"(\w+\.)*\w*(Error|Exception|Exists|Missing|Interrupt)\b.*:")


def judge(run: Run, what: str, accept: frozenset[int]) -> None:
    if run.ended is not None:
        reason = Reason(run.ended)
        raise SnapshotError(reason, MESSAGES[reason])
    if run.code in accept:
        return
    reason = reason_of(run)
    logger.error(
        "borg failed",
        extra={"fields": {"command": what, "code": run.code, "reason": reason.value, "said": run.texts[-5:]}},
    )
    if reason is Reason.STORE_FAILED:
        how = f"signal {-run.code}" if run.code < 0 else f"code {run.code}"
        raise SnapshotError(reason, f"borg {what} ended with {how}: {_said(run)}")
    raise SnapshotError(reason, MESSAGES[reason])


def _said(run: Run) -> str:
    """The one line that tells most: the exception of a traceback, else the last line."""
    lines = [line.strip() for text in run.texts for line in text.splitlines() if line.strip()]
    raised = [line for line in lines if _EXCEPTION.match(line)]
    return (raised or lines or ["it said nothing"])[-1][:200]


def reason_of(run: Run) -> Reason:
    """What a failed run failed of, by its message ids, else by its texts."""
    for reason in (_BY_ID[found] for found in sorted(run.ids) if found in _BY_ID):
        return reason
    text = "\n".join(run.texts)
    return next((reason for words, reason in _BY_TEXT if any(word in text for word in words)), Reason.STORE_FAILED)
