"""What becomes of a refusal that was told already: prepare waits for other files instead of ending once more.

The kubelet starts a container that ended again after ten seconds, then twenty, and in the end after five minutes (and
forgets only after ten): somebody who has put a good file in the place of a bad one would wait that long for nothing.
So a refusal ends prepare once, because that is how the operator learns of it. When prepare, started again in the same
pod, comes to the same refusal, it stays, looks at the files every other second, and tries again once they have changed
and lie still.
"""

# ruff: noqa: PTH116 (each is one system call on paths that are text everywhere in prepare)
from __future__ import annotations

import os
import time
from typing import Final

from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import HnotSource

LOOK_SECONDS: Final = 2.0
"""Between two looks at the files; a file that was the same in two of them is not being copied any more."""

ANYWAY_SECONDS: Final = 300.0
"""When it is tried again whatever the files look like: as often as the kubelet would, for causes that are not looked
at, such as what is on the data volume."""

_NOTE: Final = "prepare-refused"

Signature = tuple[tuple[int, ...], ...]


class Patience:
    """Waiting for the files that a source names.

    Args:
        source: which files.
        places: of the claim and of the data volume, whose growing also counts.
        scratch: folder that lasts as long as the pod, and no longer.
    """

    def __init__(self, source: HnotSource, places: Places, scratch: str) -> None:
        profils = () if source.profils is None else (source.profils,)
        self._paths = [f"{places.upload}/{path}" for path in (source.path, *source.annexes, *profils)]
        self._volume = places.volume
        self._note = f"{scratch}/{_NOTE}"
        self._seen = self._signature()

    def knows(self, refusal: str) -> bool:
        """Whether an earlier run in this pod ended with the same refusal."""
        try:
            with open(self._note, encoding="utf-8") as note:  # noqa: PTH123
                return note.read() == refusal
        except OSError:
            return False

    def note(self, refusal: str) -> None:
        """Note how this run ends."""
        with open(self._note, "w", encoding="utf-8") as note:  # noqa: PTH123
            note.write(refusal)

    def wait(self) -> None:
        """Return when the files have changed and lie still, or after `ANYWAY_SECONDS`."""
        deadline = time.monotonic() + ANYWAY_SECONDS
        before = self._seen
        while time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            now = self._signature()
            if now == before != self._seen:
                break
            before = now
        self._seen = before

    def _signature(self) -> Signature:
        return (*(_stamp(path) for path in self._paths), (_blocks(self._volume),))


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError as error:
        return (-(error.errno or 1),)
    # With the mode and the owner: a file that could not be read may be readable now.
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _blocks(folder: str) -> int:
    try:
        return os.statvfs(folder).f_blocks
    except OSError:
        return -1
