"""Room that is kept on a snapshots volume for the one thing that must work when it is full: deleting.

borg appends even to delete, and before each commit it wants room for four times its index, and for one segment and one
object of 20 MiB more once there is something to compact. So a file of that size is kept beside the repository, and
removed when a deletion finds no room. (borg's own ``additional_free_space`` has to be lowered by hand for that, in the
file that holds the key.)
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 8 << 20
"""Size of a repository's segments. borg's default of 500 MB would need that much free room at each commit."""

_FIXED: Final = SEGMENT_BYTES + (20 << 20) + (12 << 20)
"""A segment, an object, and what borg's own state and the filesystem's folders may need."""

_LEFT: Final = 256 << 10
"""What the reserve leaves to the small files beside the repository."""

_INDEXES: Final = 6
"""Four for the repository's index, two for the cache's, which is as large."""


def reserve_bytes(repository: Path) -> int:
    """How large the reserve of a repository should be."""
    return _FIXED + _INDEXES * sum(file.stat().st_size for file in repository.glob("index.*"))


def keep(path: Path, repository: Path) -> bool:
    """Make the reserve as large as it should be, if there is room; a smaller one is better than none.

    Returns:
        Whether it is that large now.
    """
    wanted = reserve_bytes(repository)
    found = os.statvfs(path.parent)
    free = max(0, found.f_bavail * found.f_frsize - _LEFT)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        there = os.fstat(descriptor).st_size
        size = min(wanted, there + free)
        if there < size:
            os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        logger.warning("The reserve cannot be made", extra={"fields": {"error": error.strerror}})
        return False
    finally:
        os.close(descriptor)
    return size == wanted


def release(path: Path) -> None:
    """Give the room of the reserve away."""
    path.unlink(missing_ok=True)
