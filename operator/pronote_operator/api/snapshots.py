"""Snapshots by kind and name. A name is the kind and the slot in UTC, so that a slot taken twice is one snapshot."""

from __future__ import annotations

import datetime as dt
import re
from enum import StrEnum
from typing import Final


class SnapshotKind(StrEnum):
    """What a snapshot is of, and how long it is kept."""

    BACKUP = "Backup"
    """Sauvegarde: the base alone."""
    ARCHIVE = "Archive"
    """Archive: the base and its annexes."""
    YEAR_END_ARCHIVE = "YearEndArchive"
    """Archive annuelle: as an archive, kept apart from the others."""
    SAFETY = "Safety"
    """Taken of what is in service before anything replaces it (sauvegarde de sécurité)."""

    @property
    def prefix(self) -> str:
        """What the names of this kind begin with."""
        return _PREFIXES[self]

    @property
    def with_annexes(self) -> bool:
        """Whether annexes (photos, letters, attached documents) are in it."""
        return self is not SnapshotKind.BACKUP


_PREFIXES: Final = {
    SnapshotKind.BACKUP: "sauvegarde",
    SnapshotKind.ARCHIVE: "archive",
    SnapshotKind.YEAR_END_ARCHIVE: "archive-annuelle",
    SnapshotKind.SAFETY: "securite",
}
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}
_NAME: Final = re.compile(r"([a-z]+(?:-[a-z]+)*)-([0-9]{8}T[0-9]{4}(?:[0-9]{2})?)Z")


def snapshot_name(kind: SnapshotKind, slot: dt.datetime) -> str:
    """The name of the snapshot of a slot: `sauvegarde-20261124T0800Z`.

    Args:
        kind: of the snapshot.
        slot: aware; seconds are shown when there are any, as in snapshots that were asked for by hand.
    """
    moment = slot.astimezone(dt.UTC)
    return f"{kind.prefix}-{moment:%Y%m%dT%H%M%S}Z" if moment.second else f"{kind.prefix}-{moment:%Y%m%dT%H%M}Z"


def parsed_name(name: str) -> tuple[SnapshotKind, dt.datetime]:
    """The kind and the slot that a name tells.

    Raises:
        ValueError: it is no name of a snapshot; the message says so.
    """
    found = _NAME.fullmatch(name)
    kind = _KINDS.get(found[1]) if found else None
    if found is None or kind is None:
        kinds = ", ".join(_KINDS)
        raise ValueError(f"{name!r} is no name of a snapshot: {kinds}, each with -YYYYMMDDTHHMM[SS]Z")
    try:
        return kind, dt.datetime.fromisoformat(f"{found[2]}Z").astimezone(dt.UTC)
    except ValueError as error:
        raise ValueError(f"{name!r} is no name of a snapshot: {found[2]} is no time") from error
