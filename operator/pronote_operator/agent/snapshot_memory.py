"""What the agent remembers of snapshots beside what is in the repository: so that a restart shows it again.

``agent.json`` on the snapshots volume: when each kind was last tried, and the intervals and the deadline that the
operator told. A file that cannot be read or written costs nothing but this.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from pronote_operator.api.snapshots import SnapshotKind
from pronote_operator.snapshots.catalogue import write_json

logger = logging.getLogger(__name__)


@dataclass
class Memory:
    """The file's content; times are seconds since 1970."""

    path: Path
    attempts: dict[SnapshotKind, float] = field(default_factory=dict)
    intervals: dict[SnapshotKind, float] = field(default_factory=dict)
    deadline: float | None = None

    @classmethod
    def read(cls, path: Path) -> Memory:
        """Read the file; an empty memory when it is not there."""
        try:
            members = json.loads(path.read_bytes())
            deadline = members.get("deadlineSeconds")
            return cls(
                path,
                {SnapshotKind(kind): float(value) for kind, value in members["attempts"].items()},
                {SnapshotKind(kind): float(value) for kind, value in members["intervalSeconds"].items()},
                float(deadline) if deadline is not None else None,
            )
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("The agent's memory of snapshots cannot be read", extra={"fields": {"error": str(error)}})
            return cls(path)

    def write(self) -> None:
        """Replace the file."""
        members = {
            "v": 1,
            "attempts": {kind.value: value for kind, value in self.attempts.items()},
            "intervalSeconds": {kind.value: value for kind, value in self.intervals.items()},
            "deadlineSeconds": self.deadline,
        }
        try:
            write_json(self.path, members)
        except OSError as error:
            logger.warning("The agent's memory cannot be written", extra={"fields": {"error": error.strerror}})
