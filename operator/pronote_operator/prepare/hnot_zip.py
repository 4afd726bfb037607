"""Reads a packed file: a zip of which every promise is checked before anything is taken from it.

Nothing is ever extracted by the zip library: members are read piece by piece, counted and hashed, and go where the
caller writes them. What is refused: anything before, between or after the members, a comment, folders, links and other
special files, encryption, other methods than stored and deflated, members that are not in the manifest or are there
twice, or that overlap (https://www.bamsoftware.com/hacks/zipbomb/), and a total that is out of all proportion.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, Generic, TypeVar

from pronote_operator.prepare.hnot_manifest import (
    MAX_FILES,
    MAX_NAME_BYTES,
    AnnexManifest,
    BaseManifest,
    Member,
    Shape,
    name_problem,
    parsed,
    shown,
)
from pronote_operator.prepare.hnot_upload import uploaded
from pronote_operator.prepare.outcome import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MANIFEST: Final = "manifest.json"

MAX_MANIFEST_BYTES: Final = 32 << 20
"""50,000 files with names of 500 bytes."""

MAX_RATIO: Final = 100
"""Bytes unpacked for one byte packed. A school's base has 5 to 10, an empty one 40; deflate can do 1000."""

RATIO_ALLOWANCE: Final = 16 << 20
"""Bytes that may be unpacked whatever the ratio: small files of repeated bytes are no bomb."""

SPARE_OBJECTS: Final = 100
"""So that a manifest that names a few files too many is read, and the refusal says which."""

CHUNK_BYTES: Final = 1 << 20

_ENTRY_BYTES: Final = 46 + MAX_NAME_BYTES + 256
"""Bound of one entry of the directory: its head, its name, and what writers add about times and owners."""

_FORBIDDEN_FLAGS: Final = {0x1: "is encrypted", 0x20: "is a patch", 0x40: "is encrypted", 0x2000: "is encrypted"}
_DOS_VOLUME_OR_FOLDER: Final = 0x18
_UTF8: Final = 0x800
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What the zip library raises on damaged files."""

M = TypeVar("M", BaseManifest, AnnexManifest)


class Packed(Generic[M]):
    """An open packed file that was checked. ``path`` is its path on the claim."""

    def __init__(self, path: str, manifest: M, archive: zipfile.ZipFile) -> None:
        self.path = path
        self.manifest: M = manifest
        self._archive = archive

    def read(self, member: Member, take: Callable[[bytes], object]) -> None:
        """Give the bytes of a member, piece by piece.

        Raises:
            RefusedError: ``HnotInvalid``: it is not what the manifest says. Pieces may have been given before.
        """
        digest, size = hashlib.sha256(), 0
        for piece in _pieces(self._archive, self.manifest.prefix + member.name, self.path):
            size += len(piece)
            if size > member.size_bytes:
                break
            digest.update(piece)
            take(piece)
        if size != member.size_bytes or digest.hexdigest() != member.sha256:
            raise _invalid(self.path, f"the member {shown(member.name)} is not what the manifest says")


@contextmanager
def opened(root: str, path: str, model: type[M]) -> Iterator[Packed[M]]:
    """Open a packed file of the claim and check everything but the content of its members.

    Raises:
        RefusedError: ``HnotMissing``, ``HnotUnreadable``, ``HnotInvalid`` or ``HnotTooLarge``.
        OSError: the claim failed.
    """
    with uploaded(root, path) as file:
        size = file.seek(0, 2)
        _check_frame(file, size, path)
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGED:
            raise _invalid(path, "its directory cannot be read") from None
        entries = archive.infolist()
        _check_entries(entries, archive.start_dir, path)
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > MAX_RATIO * size + RATIO_ALLOWANCE:
            raise RefusedError(
                "HnotTooLarge",
                f"{path} has {size} bytes and would be unpacked into {unpacked}: that is out of proportion",
            )
        manifest = parsed(model, _manifest(archive, path), path, Shape(len(entries) + SPARE_OBJECTS, commas=3))
        _check_members(entries, manifest, path)
        yield Packed(path, manifest, archive)


def _check_frame(file: IO[bytes], size: int, path: str) -> None:
    """Check the records at the end of a zip, before the library reads as much as they tell it to."""
    whole = _end_records(file, size)
    if whole is None:
        raise _invalid(path, "it is no zip file, or is truncated, or something is appended to it")
    count, directory_bytes = whole
    if count > MAX_FILES + 1 or directory_bytes > (MAX_FILES + 1) * _ENTRY_BYTES:
        raise RefusedError("HnotTooLarge", f"{path} has {count} members; {MAX_FILES} files are allowed")
    if directory_bytes > count * _ENTRY_BYTES:
        raise _invalid(path, "its directory is larger than its members account for")


def _end_records(file: IO[bytes], size: int) -> tuple[int, int] | None:
    """The number of members and the size of the directory, None when the end is not as it must be."""
    end = size - 22
    if end < 0:
        return None
    record = struct.unpack("<4s4H2LH", _at(file, end, 22))
    signature, disk, directory_disk, here, count, directory_bytes, offset, comment = record
    if (signature, disk, directory_disk, comment) != (b"PK\5\6", 0, 0, 0) or here != count:
        return None
    if count == 0xFFFF or 0xFFFFFFFF in (directory_bytes, offset):
        end -= 20 + 56
        if end < 0:
            return None
        large = struct.unpack("<4sQ2H2L4Q4sLQL", _at(file, end, 76))
        signature, rest, _, _, disk, directory_disk, here, count, directory_bytes, offset, *locator = large
        if (signature, rest, disk, directory_disk) != (b"PK\6\6", 44, 0, 0) or here != count:
            return None
        if locator != [b"PK\6\7", 0, end, 1]:
            return None
    elif _at(file, max(end - 20, 0), 4) == b"PK\6\7":
        # The library would believe this record, which is part of the directory, and not the one looked at here.
        return None
    return (count, directory_bytes) if offset + directory_bytes == end else None


def _at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size).ljust(size, b"\0")


def _check_entries(entries: list[zipfile.ZipInfo], start_of_directory: int, path: str) -> None:
    seen: set[str] = set()
    for entry in entries:
        problem = _entry_problem(entry)
        if problem is None and entry.filename in seen:
            problem = "is there twice"
        if problem:
            raise _invalid(path, f"the member {shown(entry.orig_filename)} {problem}")
        seen.add(entry.filename)
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise _invalid(path, f"the member {shown(entry.filename)} overlaps with another")
        end = entry.header_offset + 30 + len(entry.filename.encode()) + entry.compress_size
    if end > start_of_directory:
        raise _invalid(path, "a member reaches into the directory")


def _entry_problem(entry: zipfile.ZipInfo) -> str | None:
    if entry.filename != entry.orig_filename:
        return "has a name with a null character"
    problem = name_problem(entry.filename.removesuffix("/"))
    if problem:
        return f"has a name that {problem}"
    if not entry.filename.isascii() and not entry.flag_bits & _UTF8:
        return "has a name that is not marked as UTF-8"
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "is a link"
    if entry.filename.endswith("/") or stat.S_ISDIR(mode):
        return "is a folder: only files are packed"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or entry.external_attr & _DOS_VOLUME_OR_FOLDER:
        return "is no plain file"
    for flag, what in _FORBIDDEN_FLAGS.items():
        if entry.flag_bits & flag:
            return what
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is neither stored nor deflated"
    return None


def _manifest(archive: zipfile.ZipFile, path: str) -> bytes:
    entry = archive.NameToInfo.get(MANIFEST)
    if entry is None:
        raise _invalid(path, f"it has no {MANIFEST}")
    if entry.file_size > MAX_MANIFEST_BYTES:
        raise RefusedError("HnotTooLarge", f"{path}: {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes")
    return b"".join(_pieces(archive, MANIFEST, path))


def _check_members(entries: list[zipfile.ZipInfo], manifest: BaseManifest | AnnexManifest, path: str) -> None:
    sizes = {manifest.prefix + member.name: member.size_bytes for member in manifest.members}
    if len(sizes) < len(manifest.members):
        raise _invalid(path, "the manifest names a member twice")
    for entry in entries:
        if entry.filename == MANIFEST and MANIFEST not in sizes:
            continue
        if entry.filename not in sizes:
            raise _invalid(path, f"the member {shown(entry.filename)} is not in the manifest")
        if sizes[entry.filename] != entry.file_size:
            raise _invalid(path, f"the member {shown(entry.filename)} has not the size that the manifest says")
    absent = sizes.keys() - {entry.filename for entry in entries}
    if absent:
        raise _invalid(path, f"the member {shown(min(absent))} of the manifest is missing")


def _pieces(archive: zipfile.ZipFile, name: str, path: str) -> Iterator[bytes]:
    try:
        with archive.open(name) as member:
            while piece := member.read(CHUNK_BYTES):
                yield piece
    except _DAMAGED:
        raise _invalid(path, f"the member {shown(name)} is damaged") from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def _invalid(path: str, why: str) -> RefusedError:
    return RefusedError("HnotInvalid", f"{path} is not valid: {why}")
