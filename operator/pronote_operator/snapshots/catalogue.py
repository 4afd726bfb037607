"""What is remembered beside a repository, so that showing its snapshots costs no run of borg.

``catalogue.json`` lies next to the repository. It is a memory and no truth: a snapshot counts when borg lists it. It
holds what borg does not know (what a snapshot added to the repository, what a verification found) and the number of the
repository's last transaction, by which it is known whether the list is still right.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pronote_operator.snapshots.model import StoredSnapshot

logger = logging.getLogger(__name__)

VERSION: Final = 1


@dataclass(frozen=True)
class Catalogue:
    """The memory of one repository."""

    generation: str = ""
    """Of the repository when it was last listed; empty when that is not known."""
    snapshots: dict[str, StoredSnapshot] = field(default_factory=dict)
    """By the id of their archive: a name may be used again, an id never."""
    suspect: bool = False
    """Damage was seen in the repository. The next snapshot has it checked, and mended, first."""
    mended: bool = False
    """Parts of snapshots were lost in a repair; data that come back fill the gaps."""

    @property
    def ordered(self) -> tuple[StoredSnapshot, ...]:
        """Oldest first."""
        return tuple(sorted(self.snapshots.values(), key=lambda snapshot: (snapshot.taken, snapshot.name)))

    def marked(self, name: str, **members: Any) -> Catalogue:
        """With changed members of the snapshot of a name."""
        found = {
            key: replace(snapshot, **members) if snapshot.name == name else snapshot
            for key, snapshot in self.snapshots.items()
        }
        return replace(self, snapshots=found)


def read_catalogue(path: Path) -> Catalogue:
    """Read the file; an empty memory when it is not there or not readable."""
    try:
        members = json.loads(path.read_bytes())
        if members["v"] != VERSION:
            return Catalogue()
        return Catalogue(
            generation=str(members["generation"]),
            snapshots={str(key): StoredSnapshot.from_json(value) for key, value in members["snapshots"].items()},
            suspect=bool(members.get("suspect", False)),
            mended=bool(members.get("mended", False)),
        )
    except FileNotFoundError:
        return Catalogue()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning(
            "The catalogue of snapshots cannot be read and is made anew",
            extra={"fields": {"error": f"{type(error).__name__}: {error}"}},
        )
        return Catalogue()


def write_catalogue(path: Path, catalogue: Catalogue) -> None:
    """Replace the file. A volume that does not take it costs the next listing a run of borg, and nothing else."""
    members = {
        "v": VERSION,
        "generation": catalogue.generation,
        "suspect": catalogue.suspect,
        "mended": catalogue.mended,
        "snapshots": {key: snapshot.as_json() for key, snapshot in catalogue.snapshots.items()},
    }
    try:
        write_json(path, members)
    except OSError as error:
        logger.warning("The catalogue of snapshots cannot be written", extra={"fields": {"error": error.strerror}})


def write_json(path: Path, members: dict[str, Any]) -> None:
    """Replace a JSON file: the old one or the new one is there at every moment, whole.

    Raises:
        OSError: the old one is still there.
    """
    aside = path.with_name(f"{path.name}.new")
    with aside.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode())
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
