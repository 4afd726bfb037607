"""Writes the zip files of the format: the same content gives the same bytes, and a file appears whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from pronote_server.storage.files import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

PARTIAL_SUFFIX: Final = ".partial"
"""Ends the name of a file that is still being written, or was when the process died."""

CHUNK_BYTES: Final = 1024 * 1024
"""Read at a time."""

COMPRESSION_LEVEL: Final = 6
"""zlib's usual one; 9 takes three times as long for one hundredth less."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The zip format's first date: members bear none of their own."""

_REGULAR_PRIVATE_FILE: Final = 0o100600 << 16
_UNIX: Final = 3


@dataclass(frozen=True)
class Source:
    """A file to be packed.

    Attributes:
        name: Its name in the manifest.
        member: Its name in the zip.
        path: Where it is read.
    """

    name: str
    member: str
    path: Path


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a private file that gets its name, in the place of an earlier one, once it is complete and on disk."""
    partial = _partial(path.parent, path.name)
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        sync(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def scratch_file(folder: Path, name: str) -> Iterator[Path]:
    """Give the path of a private empty file that is removed afterwards."""
    path = _partial(folder, name)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        yield path
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _partial(folder: Path, name: str) -> Path:
    """Return a new name for a file under way, and remove what a killed process left of an earlier one."""
    for remains in folder.glob(f".{name}.*{PARTIAL_SUFFIX}*"):
        remains.unlink(missing_ok=True)
    return folder / f".{name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}"


def write_zip(
    path: Path, head: Mapping[str, object], sources: Sequence[Source], progress: Callable[[int], None]
) -> int:
    """Pack files with a manifest; return the size of the zip.

    Args:
        path: The file to make.
        head: Members of the manifest before `members`.
        sources: What to pack. Each is read once to describe it and once to pack it.
        progress: Told the bytes read after each piece.

    Raises:
        OSError: A file cannot be read or written, or has changed in between; nothing of the zip is left.
    """
    described = [_described(source, progress) for source in sources]
    manifest = json.dumps({**head, "members": described}, ensure_ascii=False, indent=2).encode() + b"\n"
    with new_file(path) as file:
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            archive.writestr(_member("manifest.json", len(manifest)), manifest)
            for source, description in zip(sources, described, strict=True):
                _pack(archive, source, description, progress)
        return file.seek(0, os.SEEK_END)


def _described(source: Source, progress: Callable[[int], None]) -> dict[str, object]:
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(source.path, progress):
        digest.update(piece)
        size += len(piece)
    return {"name": source.name, "sha256": digest.hexdigest(), "sizeBytes": size}


def _pack(
    archive: zipfile.ZipFile, source: Source, description: Mapping[str, object], progress: Callable[[int], None]
) -> None:
    digest, size = hashlib.sha256(), int(str(description["sizeBytes"]))
    with archive.open(_member(source.member, size), "w", force_zip64=size >= zipfile.ZIP64_LIMIT) as packed:
        for piece in _pieces(source.path, progress):
            digest.update(piece)
            packed.write(piece)
    if digest.hexdigest() != description["sha256"]:
        raise OSError(f"{source.name} has changed while it was packed")


def _pieces(path: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece
            progress(len(piece))


def _member(name: str, size: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.create_system = _UNIX
    member.external_attr = _REGULAR_PRIVATE_FILE
    member.compress_type = zipfile.ZIP_DEFLATED
    member._compresslevel = COMPRESSION_LEVEL  # type: ignore[attr-defined]
    member.file_size = size
    return member
