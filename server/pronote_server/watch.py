"""Notices that mounted files have changed.

Files are compared by time, inode and size once a second. That is what works for every way in which a file is
replaced: a kubelet swaps the `..data` symbolic link of the folder (the file behind the path then has another inode),
a person writes a new file and renames it, or writes in place. Two dozen stats a second cost no measurable time, while
inotify watches would have to follow the links and miss network file systems.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

POLL_SECONDS: Final = 1.0
"""How often files are compared; the kubelet itself takes up to a minute to bring a change."""

log = logging.getLogger(__name__)

Signature = tuple[tuple[int, int, int] | None, ...]


def signature(paths: tuple[Path, ...]) -> Signature:
    """Return what changes whenever the content behind one of the paths does; None stands for a missing file."""
    return tuple(_stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


@dataclass
class Watched:
    """A group of files that are read together.

    Attributes:
        paths: The files.
        reload: Reads them and puts them in force, or keeps the earlier ones. A pair of files of which only one is
            written yet is followed by another change.
        seen: What they looked like when they were last read.
    """

    paths: tuple[Path, ...]
    reload: Callable[[], Awaitable[None]]
    seen: Signature = field(default=())

    async def look(self) -> None:
        """Reload when the files have changed since the last look; the first look always does."""
        # Taken before the files are read: a change during the reading is seen at the next look.
        present = await asyncio.to_thread(signature, self.paths)
        if present != self.seen:
            self.seen = present
            await self.reload()


async def watch(groups: tuple[Watched, ...]) -> None:
    """Look at every group once a second until cancelled."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        for group in groups:
            await group.look()
