"""How a run of prepare ends: the result that the operator reads in the termination message, and the exit code."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from pronote_operator.prepare.restores import Restored

EXIT_OK: Final = 0
EXIT_REFUSED: Final = 65
"""EX_DATAERR: running again gives the same answer, somebody must change the plan or the volume."""
EXIT_INTERNAL: Final = 70
"""EX_SOFTWARE: a fault of prepare itself."""
EXIT_IO: Final = 74
"""EX_IOERR: the volume could not be read or written; the kubelet may simply try again."""

Result = Literal["Done", "Unchanged", "Refused", "Failed"]


class RefusedError(Exception):
    """The plan is not carried out, and nothing was written on the volume.

    Args:
        reason: CamelCase, for machines.
        message: one sentence for the person who must mend it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RetryError(Exception):
    """Nothing could be done now, through nobody's fault; the kubelet tries again.

    Args:
        reason: CamelCase, for machines.
        message: one sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Outcome:
    """The end of one run; ``exit_code`` follows from ``result`` except for a fault of prepare itself."""

    result: Result
    reason: str
    message: str
    exit_code: int
    school_year: int | None = None
    restored: Restored | None = None
    """How a request for a restore ended in this run, well or not. A failed one does not make a failed run."""


def of_os_error(error: OSError) -> Outcome:
    """The retriable outcome of a volume that cannot be read or written now."""
    where = f" ({error.filename})" if error.filename else ""
    reason, text = {
        errno.ENOSPC: ("VolumeFull", "the data volume is full"),
        errno.EDQUOT: ("VolumeFull", "the quota of the data volume is used up"),
        errno.EROFS: ("VolumeReadOnly", "the data volume is mounted read-only"),
        errno.EACCES: ("VolumeNotWritable", "the data volume does not let this user write"),
        errno.EPERM: ("VolumeNotWritable", "the data volume does not let this user write"),
        errno.ENOENT: ("VolumeMissing", "the data volume is not there"),
        errno.ENOTDIR: ("VolumeDamaged", "the data volume holds a file where a folder is expected"),
        errno.EWOULDBLOCK: ("VolumeBusy", "another prepare is at work on the data volume"),
    }.get(error.errno or 0, ("VolumeError", f"the data volume answered: {error.strerror}"))
    return Outcome("Failed", reason, f"{text}{where}", EXIT_IO)
