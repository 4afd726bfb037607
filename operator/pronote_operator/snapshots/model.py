"""What is known of a stored snapshot, as values and as JSON."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.snapshots import SnapshotKind, parsed_name


@dataclass(frozen=True)
class StoredSnapshot:
    """One snapshot of a repository."""

    name: str
    kind: SnapshotKind
    school_year: int
    """0 when the snapshot is too damaged to tell."""
    version: str
    """Of the server's software."""
    uai: str
    taken: dt.datetime
    """The moment of the checkpoint; for a snapshot too damaged to tell, the slot of its name."""
    size_bytes: int
    """Of base and annexes together."""
    stored_bytes: int
    """What it added to the repository when it was taken; 0 when that is not known."""
    duration_seconds: float
    """How long storing took."""
    damaged: bool
    """It failed a verification, or a repair found parts of it missing."""
    annexes: bool
    """Whether annexes are in it (there may be none of them)."""
    verified: dt.datetime | None = None
    """When it was last verified with success."""

    def as_json(self) -> dict[str, Any]:
        """As the agent's API shows it."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "schoolYear": self.school_year,
            "version": self.version,
            "uai": self.uai,
            "takenTime": rfc3339(self.taken),
            "sizeBytes": self.size_bytes,
            "storedBytes": self.stored_bytes,
            "durationSeconds": self.duration_seconds,
            "damaged": self.damaged,
            "annexes": self.annexes,
            "verifiedTime": rfc3339(self.verified) if self.verified else None,
        }

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> StoredSnapshot:
        """Read back what `as_json` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        verified = members.get("verifiedTime")
        return cls(
            name=str(members["name"]),
            kind=parsed_name(str(members["name"]))[0],
            school_year=int(members["schoolYear"]),
            version=str(members["version"]),
            uai=str(members["uai"]),
            taken=moment(members["takenTime"]),
            size_bytes=int(members["sizeBytes"]),
            stored_bytes=int(members.get("storedBytes", 0)),
            duration_seconds=float(members.get("durationSeconds", 0.0)),
            damaged=bool(members.get("damaged", False)),
            annexes=bool(members["annexes"]),
            verified=moment(verified) if verified else None,
        )


def unreadable(name: str) -> StoredSnapshot:
    """What is known of a snapshot whose description cannot be read: its name, and that it is damaged.

    Raises:
        ValueError: it is no name of a snapshot.
    """
    kind, slot = parsed_name(name)
    return StoredSnapshot(name, kind, 0, "", "", slot, 0, 0, 0.0, damaged=True, annexes=kind.with_annexes)


@dataclass(frozen=True)
class Verification:
    """A snapshot that was read as a whole and found good."""

    name: str
    pupils: int | None
    """Rows of the table ``pupils``; None when the base has no such table."""
    size_bytes: int
    verified: dt.datetime


def rfc3339(moment: dt.datetime) -> str:
    """In UTC, with milliseconds: ``2026-11-24T08:00:00.000Z``."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> dt.datetime:
    """Read a time of RFC 3339.

    Raises:
        ValueError: it is none, or has no offset.
    """
    found = dt.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return found.astimezone(dt.UTC)
