"""Unpacks files aside and moves them into place, one rename each, so that doing it again comes to the same end."""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104, PTH120
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pronote_operator.prepare import disk

MANY_FILES: Final = 100
"""From so many files on, it is quicker to write out everything that the node has not written yet."""

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pronote_operator.prepare.hnot_manifest import AnnexManifest, BaseManifest, Member
    from pronote_operator.prepare.hnot_zip import Packed


def unpack(packed: Packed[BaseManifest] | Packed[AnnexManifest], member: Member, folder: str) -> None:
    """Write a member below an existing folder of our own, in which it must not exist yet. Not synced.

    Raises:
        RefusedError: it is not what the manifest says; what was written of it is to be thrown away.
        OSError: the volume, or the claim, failed.
    """
    *above, _ = member.name.split("/")
    for depth in range(1, len(above) + 1):
        disk.make_folder("/".join((folder, *above[:depth])))
    descriptor = os.open(
        f"{folder}/{member.name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, disk.FILE_MODE
    )
    try:
        packed.read(member, lambda piece: disk.write_all(descriptor, piece))
    finally:
        os.close(descriptor)


def sync_files(folder: str, names: Sequence[str]) -> None:
    """Make files outlive a loss of power.

    Many of them are written out at once, and only then asked for each whether that succeeded: to wait for each in turn
    would take minutes for the tens of thousands of documents of a large school.
    """
    if len(names) > MANY_FILES:
        os.sync()
    for name in names:
        descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def move(source: str, target: str, names: Iterable[str]) -> None:
    """Move files into place, and the entries of the folders onto the disk. Folders are made as needed.

    Args:
        source: folder that they are in.
        target: an existing folder on the same volume. A file of that name is replaced.
        names: relative paths of the files.
    """
    folders = {target}
    for name in names:
        above = os.path.dirname(name)
        parts = above.split("/") if above else []
        for depth in range(1, len(parts) + 1):
            folder = "/".join((target, *parts[:depth]))
            if folder not in folders:
                disk.make_folder(folder)
                folders.add(folder)
        os.rename(f"{source}/{name}", f"{target}/{name}")
    # The deepest first: a folder is on the disk before the folder that names it.
    for folder in sorted(folders, key=len, reverse=True):
        disk.sync_folder(folder)
