"""Only one process works on a repository: a lock of our own, which the kernel gives back when its holders are gone.

borg has a lock too (a folder named for host and process), which stays when borg is killed. Host names and process ids
come again in a pod, so they cannot tell whether its owner lives. Our lock can: every borg that we start inherits it, so
whoever holds it knows that no borg of ours is left, and may break borg's lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pronote_operator.snapshots.errors import Reason, SnapshotError
from pronote_operator.snapshots.verdict import MESSAGES

_UNSUPPORTED: Final = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
"""Filesystems without locks: ReadWriteOnce and the StatefulSet remain as guards there."""


class OwnLock:
    """The lock beside a repository. The thread that holds it may take it again; others of the process wait."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._depth = 0
        self._thread = threading.RLock()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """For children to inherit."""
        return (self._descriptor,) if self._depth else ()

    @contextlib.contextmanager
    def held(self, wait_seconds: float = 5.0) -> Iterator[bool]:
        """Hold it.

        Args:
            wait_seconds: for a process that is just ending.

        Yields:
            Whether it was taken now, and not held already.

        Raises:
            SnapshotError: ``Busy``.
        """
        with self._thread:
            first = self._depth == 0
            if first:
                self._descriptor = self._taken(wait_seconds)
            self._depth += 1
            try:
                yield first
            finally:
                self._depth -= 1
                if not self._depth:
                    # Not unlocked: a borg that outlives us, against all care, keeps it.
                    os.close(self._descriptor)
                    self._descriptor = -1

    def _taken(self, wait_seconds: float) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise SnapshotError(Reason.BUSY, MESSAGES[Reason.BUSY]) from None
                time.sleep(0.05)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    os.close(descriptor)
                    raise
                return descriptor
            else:
                return descriptor


def living_owner(lock_folder: Path) -> int | None:
    """The process that holds borg's lock, if it is a borg that runs here and now (started by hand, say).

    Args:
        lock_folder: ``lock.exclusive`` of a repository; its files are named ``host@node.process-thread``.
    """
    for file in lock_folder.glob("*"):
        host, _, rest = file.name.rpartition(".")
        process = rest.partition("-")[0]
        if not process.isdigit() or not host.startswith((socket.gethostname(), socket.getfqdn())):
            continue
        with contextlib.suppress(OSError):
            if b"borg" in Path(f"/proc/{process}/cmdline").read_bytes():
                return int(process)
    return None
