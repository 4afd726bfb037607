"""A base as a SQLite file: whether it is whole and whose it is, whether a server has it open, a copy with its log.

Imported only when something is to be done: `sqlite3` would double the time of a run that has nothing to do.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH116
from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
from typing import Final
from urllib.parse import quote

from pronote_operator.prepare import disk

_DEAD_MAN_SWITCH: Final = 128
"""Byte of the ``-shm`` file of which each connection in WAL mode holds a shared lock (SQLite, walIndex, DMS)."""


def base_problem(path: str, uai: str, school_year: int) -> str | None:
    """What is wrong with a base that nobody has open and that has no log; None when it is fit to be served.

    Args:
        path: of the file.
        uai: of the school that it must be of, if it says so.
        school_year: likewise.
    """
    try:
        with contextlib.closing(_opened_as_is(path)) as base:
            found = base.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                return f"SQLite finds it damaged: {str(found).splitlines()[-1][:200]}"
            if not base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return "there is nothing in it"
            owner = _owner(base)
    except sqlite3.Error as error:
        return f"SQLite cannot read it: {error}"
    if owner is not None and owner != (uai, school_year):
        return f"it is the base of {owner[0]}, school year {owner[1]}"
    return None


def is_openable(path: str) -> bool:
    """Whether a file is a SQLite base at all; the pages of its tables are not looked at."""
    try:
        with contextlib.closing(_opened_as_is(path)) as base:
            base.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return False
    return True


def has_pupils(path: str) -> bool:
    """Whether there may be a pupil in a base that nobody has open: also where that cannot be told."""
    try:
        # Not as it is: what a killed server wrote may be in its log only.
        with contextlib.closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as base:
            base.execute("PRAGMA trusted_schema = OFF")
            return base.execute("SELECT 1 FROM pupils LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return True


def has_log(folder: str, name: str) -> bool:
    """Whether there is something beside a base without which it is not complete, or not consistent."""
    for suffix in ("-wal", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            if os.stat(f"{folder}/{name}{suffix}", follow_symlinks=False).st_size:
                return True
    return False


def copy_with_log(folder: str, name: str, into: str) -> None:
    """Write a copy of a base, its log taken in, as a server would see it at its next start; pages keep their places.

    The original is not opened by SQLite, which would write beside it: file and log, of which nobody writes, are copied,
    and the log is moved into the copy.

    Args:
        folder: that the base is in.
        name: of its file.
        into: an existing folder.

    Raises:
        sqlite3.Error: it cannot be read as a base.
        OSError: the volume failed.
    """
    for suffix in ("", "-wal", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{folder}/{name}{suffix}", f"{into}/{name}{suffix}", follow_symlinks=False)
    with contextlib.closing(sqlite3.connect(f"{into}/{name}", isolation_level=None)) as copy:
        # It is read once and thrown away: to be on the disk would only cost time.
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("SELECT count(*) FROM sqlite_master").fetchone()
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def is_open_elsewhere(folder: str, name: str) -> bool:
    """Whether a process has a base open: the server of a pod that was deleted by force, and is still being ended."""
    try:
        descriptor = os.open(f"{folder}/{name}-shm", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _DEAD_MAN_SWITCH)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        # A filesystem without locks.
        return False
    finally:
        os.close(descriptor)
    return False


def link_or_copy(source: str, target: str) -> None:
    """Give a file a second name, or copy it where a filesystem has no such thing."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        disk.remove_tree(target)
        shutil.copyfile(source, target, follow_symlinks=False)


def _opened_as_is(path: str) -> sqlite3.Connection:
    # immutable: no lock, no log and nothing written beside it, whatever the file's header says of its mode.
    opened = sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True)
    # Its schema may be somebody's who wants us to run what it says.
    opened.execute("PRAGMA trusted_schema = OFF")
    return opened


def _owner(base: sqlite3.Connection) -> tuple[str, int] | None:
    """Whose base it says that it is, in the way of the reference server; None when it does not.

    A view under that name is not asked: its query could go on for ever.
    """
    if base.execute("SELECT type FROM sqlite_master WHERE name = 'base'").fetchone() != ("table",):
        return None
    names = {row[1] for row in base.execute("PRAGMA table_info(base)")}
    if not {"uai", "school_year"} <= names:
        return None
    row = base.execute("SELECT uai, school_year FROM base").fetchone()
    return None if row is None else (str(row[0]), int(row[1]))
