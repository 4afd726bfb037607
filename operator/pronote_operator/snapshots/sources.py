"""What goes into a snapshot, and how borg is told."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pronote_operator.snapshots.errors import Reason, SnapshotError
from pronote_operator.snapshots.members import BASE_FILE
from pronote_operator.snapshots.verdict import Run

_OPTIONS: Final = ("--noacls", "--noxattrs", "--noflags", "--numeric-ids")
"""Owners and rights are the pod's, and are given anew when a snapshot is extracted."""

_MOST_EXCLUDED: Final = 1000

_VANISHED: Final = (FileNotFoundError, NotADirectoryError)
"""What is answered of an annex that the school removed, or of whose folder it made a file, since it was listed."""


@dataclass(frozen=True)
class Sources:
    """The files of one snapshot."""

    base: Path
    """Folder of ``base.sqlite``; borg runs in it."""
    annexes: Path | None
    """Absolute."""
    size_bytes: int
    excluded: tuple[str, ...]
    """What is neither file nor folder among the annexes: it is not stored."""

    @property
    def annexes_path(self) -> str | None:
        """Path of the annexes in the archive: borg takes the leading slash away."""
        return str(self.annexes).lstrip("/") if self.annexes else None

    @property
    def options(self) -> list[str]:
        """Of ``borg create``."""
        # Annexes that did not change are not read again. Every checkpoint is a new file: remembering it only costs.
        remember = "ctime,size,inode" if self.annexes else "disabled"
        excluded = [word for path in self.excluded for word in ("--exclude", f"pf:{path}")]
        return [*_OPTIONS, "--files-cache", remember, *excluded]

    @property
    def environment(self) -> dict[str, str]:
        """Of ``borg create``."""
        # A memory of the annexes alone, in which a base stays for one snapshot more: it takes 40 bytes for each page.
        return {"BORG_FILES_CACHE_SUFFIX": "annexes", "BORG_FILES_CACHE_TTL": "2"} if self.annexes else {}

    @property
    def paths(self) -> list[str]:
        """What is stored."""
        return [BASE_FILE, *([str(self.annexes)] if self.annexes else [])]


def sources_of(base: Path, annexes: Path | None) -> Sources:
    """Look at what is to be stored. Annexes that vanish meanwhile are passed over.

    Raises:
        SnapshotError: ``CheckpointFailed`` when there is no base, or the annexes cannot be read.
    """
    try:
        size = (base / BASE_FILE).stat().st_size
    except OSError as error:
        raise SnapshotError(Reason.CHECKPOINT_FAILED, f"the checkpoint holds no base: {error.strerror}") from error
    if annexes is None or not annexes.is_dir():
        return Sources(base, None, size, ())
    annexes = annexes.resolve()
    excluded: list[str] = []
    pending = [str(annexes)]
    try:
        while pending:
            entries: list[os.DirEntry[str]] = []
            with contextlib.suppress(*_VANISHED):
                entries = list(os.scandir(pending.pop()))
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                with contextlib.suppress(*_VANISHED):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        size += status.st_size
                    else:
                        excluded.append(entry.path)
    except OSError as error:
        raise SnapshotError(Reason.CHECKPOINT_FAILED, f"annexes cannot be read: {error.strerror}") from error
    if len(excluded) > _MOST_EXCLUDED:
        raise SnapshotError(Reason.CHECKPOINT_FAILED, f"{len(excluded)} annexes are links or devices and no files")
    return Sources(base, annexes, size, tuple(excluded))


def unread(run: Run, sources: Sources) -> list[str]:
    """What a run of ``borg create`` should have read and could not: such a snapshot is none.

    Annexes that change or vanish meanwhile are the school's work; a base that does is no checkpoint.
    """
    found = []
    for message in run.messages:
        if message.get("type") != "file_status" or message.get("status") not in ("E", "C"):
            continue
        path = str(message.get("path", ""))
        if path == BASE_FILE or (message["status"] == "E" and Path("/", path).exists()):
            found.append(path)
    return found
