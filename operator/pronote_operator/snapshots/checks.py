"""Whether a base that was extracted can be opened and is whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from pronote_operator.snapshots.errors import Reason, SnapshotError


def count_pupils(base: Path, name: str) -> int | None:
    """Check a base with SQLite's own means, and count its pupils.

    Args:
        base: the file; nothing is written beside it.
        name: of the snapshot, for messages.

    Returns:
        Rows of the table ``pupils``; None when there is no such table.

    Raises:
        SnapshotError: ``SnapshotDamaged``.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(base))}?mode=ro&immutable=1", uri=True)
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
            if found != ["ok"]:
                raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"the base in {name} is damaged: {found[0][:200]}")
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE type='table' AND name='pupils'").fetchone():
                return None
            return int(connection.execute("SELECT count(*) FROM pupils").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"the base in {name} cannot be opened: {error}") from error
