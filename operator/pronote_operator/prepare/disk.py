"""Durable changes of a filesystem, each safe to interrupt at any instruction.

Only functions of ``os`` are used: every one of them is a point at which the tests kill the process.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH102, PTH106, PTH108, PTH208
from __future__ import annotations

import os
import stat
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


def sync_folder(path: str) -> None:
    """Make the entries of a folder (creations, renames, removals) outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: str) -> bool:
    """Create a private folder unless it is there; an existing one keeps its mode (fsGroup may have changed it).

    Returns:
        Whether it was created. The caller syncs the parent.
    """
    try:
        os.mkdir(path, FOLDER_MODE)
    except FileExistsError:
        return False
    return True


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte: a write to a nearly full volume may take only a part without an error."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_new_file(path: str, data: bytes) -> None:
    """Write a private file that must not exist yet, and sync it. The caller syncs the folder."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(path: str) -> bytes | None:
    """The content of a file, None when it does not exist."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        parts = []
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def exists(path: str) -> bool:
    """Whether there is anything of that name. Unlike ``os.path.exists`` it never takes an error of the disk for a no.

    Raises:
        OSError: that cannot be told.
    """
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def is_folder(path: str) -> bool:
    """Whether a folder, and no link to one, is there; see `exists`."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def names_in(path: str) -> tuple[str, ...]:
    """Names in a folder, sorted; none when the folder does not exist."""
    try:
        return tuple(sorted(os.listdir(path)))
    except FileNotFoundError:
        return ()


def remove_tree(path: str) -> None:
    """Remove a file or a folder with all that is in it. Links are removed, never followed; absent is fine."""
    try:
        os.unlink(path)
        return
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        # POSIX lets a system answer EPERM for a folder; rmdir below tells a true lack of rights.
        pass
    for name in names_in(path):
        remove_tree(f"{path}/{name}")
    os.rmdir(path)
