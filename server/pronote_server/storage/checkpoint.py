"""Checkpoints: a consistent copy of the base in a folder of its own, made while the server works.

SQLite's online backup copies pages, so that two checkpoints of a base differ only where the base does, which is what a
deduplicating archive needs (VACUUM INTO would move every page). The copy reads from one snapshot, held open for its
whole length: writers go on, and a backup without it would start anew after every write of another connection.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_server.clock import compact, rfc3339
from pronote_server.storage import statements
from pronote_server.storage.connection import connect
from pronote_server.storage.files import sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pronote_server.config import BaseConfig

PAGES_PER_STEP: Final = 512
"""Pages copied between two looks at whether the server is being stopped: 2 MiB, some milliseconds."""

NAME: Final = re.compile(r"^checkpoint-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$")
"""Names of checkpoints. Anything else in the folder is not ours."""

PARTIAL_SUFFIX: Final = ".partial"
"""Ends the name of a folder that is still being written, or was when the process died."""

ROOM_FACTOR: Final = 1.1
"""Free space wanted, as a multiple of the base's size, so that a checkpoint never fills the volume under the base."""


class CheckpointError(Exception):
    """A checkpoint could not be made; nothing of it is left."""


class NoRoom(CheckpointError):  # noqa: N818 - an answer, not a fault
    """The volume has too little free space."""


class Interrupted(CheckpointError):  # noqa: N818 - an answer, not a fault
    """The server is being stopped."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is on disk.

    Attributes:
        name: Name of its folder.
        path: Its folder.
        size_bytes: Size of `base.sqlite` in it.
        created: Instant as of which it shows the base.
    """

    name: str
    path: Path
    size_bytes: int
    created: datetime


def write_checkpoint(
    config: BaseConfig, folder: Path, created: datetime, is_stopping: Callable[[], bool]
) -> Checkpoint:
    """Write a checkpoint and return it once it is on disk under its name.

    Args:
        config: The base.
        folder: Folder of the checkpoints; made when missing.
        created: The present instant, for the name.
        is_stopping: Asked between steps; the copy is given up when true.

    Raises:
        NoRoom: Too little free space.
        Interrupted: `is_stopping` said so.
        OSError, sqlite3.Error: The volume fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < config.base_path.stat().st_size * ROOM_FACTOR:
        raise NoRoom
    name = f"checkpoint-{compact(created)}-{secrets.token_hex(4)}"
    partial, final = folder / f"{name}{PARTIAL_SUFFIX}", folder / name
    partial.mkdir()
    try:
        copy = partial / "base.sqlite"

        def look_up(_done: int, _total: int) -> None:
            if is_stopping():
                raise Interrupted

        copy_base(config.base_path, copy, look_up)
        size = copy.stat().st_size
        manifest = {
            "uai": config.uai,
            "schoolYear": config.school_year,
            "version": config.version,
            "schema": statements.SCHEMA_VERSION,
            "createdTime": rfc3339(created),
            "files": {"base.sqlite": {"sha256": _sha256(copy), "sizeBytes": size}},
        }
        (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for path in (copy, partial / "manifest.json", partial):
            sync(path)
        partial.rename(final)
        sync(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Checkpoint(name, final, size, created)


def delete_checkpoint(folder: Path, name: str) -> bool:
    """Delete a checkpoint; return whether there was one. A name that is not a checkpoint's is never deleted."""
    if not NAME.match(name) or not (folder / name).is_dir():
        return False
    doomed = folder / f"{name}{PARTIAL_SUFFIX}"
    (folder / name).rename(doomed)
    shutil.rmtree(doomed)
    sync(folder)
    return True


def remove_remains(folder: Path) -> int:
    """Remove what a killed process left half written; return how many folders."""
    remains = [path for path in folder.glob(f"checkpoint-*{PARTIAL_SUFFIX}") if path.is_dir()]
    for path in remains:
        shutil.rmtree(path, ignore_errors=True)
    return len(remains)


def copy_base(source_path: Path, target_path: Path, look_up: Callable[[int, int], None]) -> None:
    """Copy a base as of one moment, while others read and write it.

    Args:
        source_path: The base.
        target_path: The file to make; not on disk yet when this returns, and without a log beside it.
        look_up: Called between steps with the pages copied and the pages in all; what it raises ends the copy.

    Raises:
        sqlite3.Error: The base cannot be read or the copy not be written.
    """

    def progress(_status: int, remaining: int, total: int) -> None:
        look_up(total - remaining, total)

    source = connect(source_path)
    target = connect(target_path, create=True)
    try:
        # Put on disk once, at the end: an unfinished copy is thrown away anyway.
        target.execute(statements.DO_NOT_SYNC)
        source.execute(statements.BEGIN_READ)
        source.execute(statements.PIN_SNAPSHOT).fetchone()
        source.backup(target, pages=PAGES_PER_STEP, progress=progress, sleep=0)
        source.execute(statements.ROLLBACK)
    finally:
        target.close()
        source.close()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
