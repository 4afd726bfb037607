"""SQLite connections, all opened the same way."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from pronote_server.storage import statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open a base; an absent file is an error unless `create`.

    Transactions are begun and ended explicitly. A connection may be closed by another thread than its own.

    Raises:
        sqlite3.Error: The file cannot be opened.
    """
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )
    for pragma in statements.CONNECTION_PRAGMAS:
        connection.execute(pragma)
    return connection


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what is done inside, or nothing of it."""
    connection.execute(statements.BEGIN_WRITE)
    try:
        yield connection
    except BaseException:
        connection.execute(statements.ROLLBACK)
        raise
    connection.execute(statements.COMMIT)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a base to this server's schema, one transaction a step."""
    (version,) = connection.execute(statements.READ_SCHEMA_VERSION).fetchone()
    for step in range(version, statements.SCHEMA_VERSION):
        with write_transaction(connection):
            for statement in statements.MIGRATIONS[step]:
                connection.execute(statement)
            connection.execute(statements.WRITE_SCHEMA_VERSION.format(version=step + 1))
