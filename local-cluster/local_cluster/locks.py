"""One process at a time builds, and one starts or stops a given instance."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a file lock; waits for whoever has it. The kernel frees it when its holder dies.

    Args:
        path: of the lock file, made when missing and never removed (removing it would let two in).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
