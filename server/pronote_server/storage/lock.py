"""One server a base: two processes on one base would hand out every licence twice."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pronote_server.errors import EXIT_BUSY, StartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_SECONDS: Final = 10.0
"""How long a new server waits for the old one: a pod that was deleted by force may still be draining."""


@contextmanager
def hold(folder: Path, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock of a school year's folder. The kernel lets it go when the process ends, however it ends.

    Raises:
        StartError: Another process holds it.
    """
    try:
        descriptor = os.open(folder / ".server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"The folder of the school year cannot be used: {error.strerror}.") from None
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StartError("Another server process holds this base.", EXIT_BUSY) from None
                time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)
