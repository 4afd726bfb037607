"""The repositories that prepare reads, which snapshot of one is meant, and why it cannot be used."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pronote_operator.agent import logs
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.places import Places
from pronote_operator.snapshots import Repository
from pronote_operator.snapshots.model import StoredSnapshot

NAMES_TOLD: Final = 5

MENDED_NEXT: Final = "the next snapshot mends the repository: take one, then ask again"
"""What to do about a damaged repository, which is not mended while a school waits for its restore."""

SLACK_BYTES: Final = 8 << 20
"""Left free beside what is unpacked, for the folders and the rounding of its files, and for the journal."""


def own_repository(places: Places, cancelled: threading.Event | None = None) -> Repository:
    """The base's own repository. It is not mended here: the school is out of service meanwhile."""
    _log_as_json()
    path, key = Path(places.snapshots) / "repository", Path(places.snapshot_key)
    return Repository(path, key, cancelled=cancelled, mends=False)


def source_repository(places: Places) -> Repository:
    """The repository of another base, mounted read-only."""
    _log_as_json()
    return Repository(Path(places.source_snapshots) / "repository", Path(places.source_key), read_only=True)


def _log_as_json() -> None:
    # prepare itself needs no logging, whose import costs as much as the rest of a run with nothing to do.
    if not logging.getLogger().handlers:
        logs.configure("INFO")


def usable(snapshots: Iterable[StoredSnapshot], name: str, uai: str, school_year: int, whose: str) -> StoredSnapshot:
    """The snapshot of a name, if it is of this school and year.

    Args:
        snapshots: of the repository.
        name: of the one that is meant.
        uai: of the school that it must be of.
        school_year: likewise.
        whose: repository it is, for messages.

    Raises:
        RefusedError: ``SnapshotMissing`` (the newest names are told), ``UaiMismatch`` or ``SchoolYearMismatch``.
    """
    ordered = sorted(snapshots, key=lambda snapshot: snapshot.taken, reverse=True)
    found = next((snapshot for snapshot in ordered if snapshot.name == name), None)
    if found is None:
        newest = ", ".join(snapshot.name for snapshot in ordered[:NAMES_TOLD]) or "none"
        raise RefusedError(
            "SnapshotMissing", f"there is no {name} among the snapshots of {whose}; the newest: {newest}"
        )
    # One that is too damaged to tell says nothing of itself; reading it will tell.
    if found.uai and found.uai != uai:
        raise RefusedError("UaiMismatch", f"{name} is a snapshot of {found.uai}; this base is of {uai}")
    if found.school_year and found.school_year != school_year:
        raise RefusedError(
            "SchoolYearMismatch",
            f"{name} is of school year {found.school_year}; this base serves {school_year} "
            f"(spec.schoolYear.pin: {found.school_year} would make it serve that year)",
        )
    return found


def need_room(folder: str, size_bytes: int, what: str) -> None:
    """Check that the volume of a folder takes so many bytes more.

    Raises:
        RefusedError: ``NoRoom``, with the figures.
    """
    found = os.statvfs(folder)
    free, needed = found.f_bavail * found.f_frsize, size_bytes + SLACK_BYTES
    if free < needed:
        raise RefusedError("NoRoom", f"{what} needs {mebibytes(needed)} on the data volume; {mebibytes(free)} are free")


def mebibytes(number: int) -> str:
    """An amount as people read it, rounded up."""
    return f"{-(-number >> 20)} MiB"
