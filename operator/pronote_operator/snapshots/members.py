"""What may be in a snapshot, and how it is put on a disk: files and folders below one folder, and nothing else.

A repository may come from another base's volume, so nothing in it is trusted: every name is checked before anything
is written, and files are made with O_EXCL and O_NOFOLLOW in folders that we made.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from pronote_operator.snapshots.errors import Reason, SnapshotError

BASE_FILE: Final = "base.sqlite"
ANNEXES: Final = "annexes"

_COPY_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Member:
    """A member of an archive and where it goes."""

    stored: str
    """Its path in the archive."""
    target: str
    """Its path below the folder of extraction: ``base.sqlite``, ``annexes`` or something below that."""
    folder: bool
    size: int
    twin: str | None = None
    """The member (its path in the archive) that this one is another name of."""


def members_of(lines: Iterable[bytes], annexes: str | None, name: str) -> dict[str, Member]:
    """Check the members of an archive.

    Args:
        lines: of ``borg list --json-lines`` with ``type``, ``path``, ``size``, ``healthy``.
        annexes: path in the archive of the folder of annexes; None when the snapshot is of a base alone.
        name: of the snapshot, for messages.

    Returns:
        By their path in the archive.

    Raises:
        SnapshotError: ``SnapshotDamaged``: something else is in it, a part was lost, or the base is not in it.
    """
    found: dict[str, Member] = {}
    for line in lines:
        item = json.loads(line)
        stored, kind = str(item["path"]), item["type"]
        target = _target(stored, annexes)
        # A second name of the same file is told as a file with a source.
        source = str(item.get("source") or "")
        twin = found.get(source)
        file = kind == "-" and target != ANNEXES and (not source or twin is not None)
        if target is None or not (file or (kind == "d" and target != BASE_FILE)):
            raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"{name} holds {stored[:200]!r}, which no snapshot may hold")
        if not item.get("healthy", True):
            raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"parts of {target!r} in {name} were lost")
        if stored in found:
            raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"{name} holds {target!r} twice")
        size = twin.size if twin else int(item["size"])
        found[stored] = Member(stored, target, kind == "d", size, twin.stored if twin else None)
    if BASE_FILE not in found:
        raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"there is no base in {name}")
    return found


def write_members(tar: IO[bytes], members: dict[str, Member], into: Path, name: str) -> bool:
    """Write the members that a tar stream brings below a folder, and sync them.

    Args:
        tar: the stream, of the archive that `members` are of.
        into: exists; nothing that is in it is replaced.

    Returns:
        Whether all of them came. If not, borg ended in the middle, and knows why.

    Raises:
        SnapshotError: the stream brings something else than was announced.
        OSError: the folder's volume failed.
    """
    missing = set(members)
    try:
        with tarfile.open(fileobj=tar, mode="r|") as stream:
            for item in stream:
                member = members.get(item.name)
                if member is None or item.name not in missing or item.isdir() != member.folder:
                    raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"{name} changed while it was read")
                path = into / member.target
                # borg stores a folder before what is in it, but nothing rests on that.
                (path if member.folder else path.parent).mkdir(mode=0o700, parents=True, exist_ok=True)
                if member.twin is not None:
                    with (into / members[member.twin].target).open("rb") as twin:
                        _write(path, twin, member.size)
                elif not member.folder:
                    content = stream.extractfile(item) if item.isreg() else None
                    if content is None or item.size != member.size:
                        raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"{name} changed while it was read")
                    _write(path, content, member.size)
                missing.discard(item.name)
        # The end of a tar may be told by one block and filled up by the next: borg fails if nobody takes that.
        while tar.read(_COPY_BYTES):
            pass
    except (tarfile.TarError, EOFError):
        return False
    if not missing:
        _sync_folders(into)
    return not missing


def _write(path: Path, content: IO[bytes], size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        left = size
        while left:
            part = content.read(min(_COPY_BYTES, left))
            if not part:
                raise EOFError
            rest = memoryview(part)
            while rest:
                rest = rest[file.write(rest) or 0 :]
            left -= len(part)
        os.fsync(descriptor)


def _sync_folders(into: Path) -> None:
    for folder, _, _ in os.walk(into):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _target(stored: str, annexes: str | None) -> str | None:
    """Where a member goes; None when it may not be there."""
    if stored == BASE_FILE:
        return BASE_FILE
    parts = PurePosixPath(stored).parts
    if stored.startswith("/") or not parts or ".." in parts or "\0" in stored or "/".join(parts) != stored:
        return None
    if annexes is None:
        return None
    if stored == annexes:
        return ANNEXES
    return f"{ANNEXES}/{stored.removeprefix(annexes + '/')}" if stored.startswith(annexes + "/") else None
