"""Room that is kept on a snapshots volume for the one thing that must work when it is full: deleting.

borg appends even to delete, and before each commit it wants room for four times its index and, once there is much to
compact, one segment more. So a file of that size is kept beside the repository, and removed when a deletion finds no
room. (borg's own ``additional_free_space`` has to be lowered by hand for the same purpose, in the file that holds the key.)
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_SMALLEST: Final = 4 << 20
_LARGEST: Final = 512 << 20
_SHARE: Final = 32
"""The reserve is this part of the volume: 512 MiB of 16 GiB and more."""


def reserve_bytes(folder: Path) -> int:
    """How large the reserve of the volume that a folder is on should be."""
    found = os.statvfs(folder)
    return max(_SMALLEST, min(_LARGEST, found.f_blocks * found.f_frsize // _SHARE))


def keep(path: Path) -> bool:
    """Make the reserve, unless it is there or there is no room.

    Returns:
        Whether it is there now.
    """
    wanted = reserve_bytes(path.parent)
    if path.exists() and path.stat().st_size >= min(wanted, _SMALLEST):
        return True
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, wanted)
    except OSError as error:
        logger.warning("There is no room for the reserve", extra={"fields": {"error": error.strerror}})
        os.ftruncate(descriptor, 0)
        return False
    finally:
        os.close(descriptor)
    return True


def release(path: Path) -> None:
    """Give the room of the reserve away."""
    path.unlink(missing_ok=True)
