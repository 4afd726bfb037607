"""Bases of past school years (années précédentes) that are still on the volume: read, and never written.

A kept base has the schema of the server that last served it. What a later schema added is shown as it would be right
after the migration, by temporary tables and views of the connection: the file itself does not change.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import quote

from pronote_server.errors import StartError
from pronote_server.storage import statements
from pronote_server.storage.database import check_base

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pronote_server.config import BaseConfig

P = ParamSpec("P")
T = TypeVar("T")

_YEAR: Final = re.compile(r"[0-9]{4}")
_COMMENT: Final = re.compile(r"^\s*--.*$", re.MULTILINE)
_NEW_COLUMN: Final = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+) (.*)", re.DOTALL)
_GENERATED: Final = re.compile(r".*GENERATED ALWAYS AS \((.*)\) VIRTUAL\s*", re.DOTALL)
_DEFAULT: Final = re.compile(r".*DEFAULT (\S+)\s*", re.DOTALL)


class KeptBaseUnusable(Exception):  # noqa: N818 - an answer, not a fault
    """The base of a past year cannot be opened; the message says why, for the log."""


class KeptBase:
    """The base of a past year. Opened at the first use; the event loop never waits for the disk."""

    def __init__(self, config: BaseConfig) -> None:
        self.school_year: Final = config.school_year
        self._config = config
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"base-{config.school_year}")

    async def open(self) -> None:
        """Open it, unless it is open.

        Raises:
            KeptBaseUnusable: It is no base, another school's or year's, damaged, or a newer server's.
        """

        def task() -> None:
            self._opened()

        await asyncio.get_running_loop().run_in_executor(self._thread, task)

    async def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` with the connection; as `Database.read`."""

        def task() -> T:
            return work(self._opened(), *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, task)

    def close(self) -> None:
        """Finish what was begun, and close."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = open_kept(self._config)
            except (sqlite3.Error, StartError, OSError) as error:
                # The messages of SQLite name no content.
                raise KeptBaseUnusable(str(error)) from None
        return self._connection


def kept_years(data: Path, school_year: int) -> tuple[int, ...]:
    """Return the years before `school_year` of which a base is kept, the newest first."""
    names = [folder.name for folder in data.iterdir() if (folder / "base.sqlite").is_file()]
    return tuple(
        sorted((int(name) for name in names if _YEAR.fullmatch(name) and int(name) < school_year), reverse=True)
    )


def open_kept(config: BaseConfig) -> sqlite3.Connection:
    """Open a base for reading only; it has today's schema then, as seen through the connection.

    Raises:
        sqlite3.Error: It cannot be read.
        StartError: It is no base, it is another school's or year's, or a newer server made it.
    """
    path = config.base_path
    log = path.with_name(f"{path.name}-wal")
    # Without a log nothing at all is written beside it. With one, of a server that was killed, its index is.
    how = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in statements.KEPT_PRAGMAS:
            connection.execute(pragma)
        check_base(connection, config)
        (version,) = connection.execute(statements.READ_SCHEMA_VERSION).fetchone()
        _show_as_of_today(connection, version)
        connection.execute(statements.QUERY_ONLY)
    except BaseException:
        connection.close()
        raise
    return connection


def _show_as_of_today(connection: sqlite3.Connection, version: int) -> None:
    """Carry out the migrations beyond `version` in the connection's temporary schema."""
    added: dict[str, list[str]] = {}
    made = set()
    for statement in (each for step in statements.MIGRATIONS[version:] for each in step):
        text = _COMMENT.sub("", statement).strip()
        if text.startswith("CREATE TABLE "):
            made.add(text.split()[2])
            connection.execute(text.replace("CREATE TABLE ", "CREATE TEMP TABLE ", 1))
        elif found := _NEW_COLUMN.fullmatch(text):
            table, column, definition = found.groups()
            if table in made:
                connection.execute(text)
            else:
                added.setdefault(table, []).append(f"{_value_of(definition)} AS {column}")
        elif text.startswith("INSERT INTO "):
            # Only into tables that it has just made: the base itself cannot be written.
            connection.execute(text)
        elif not text.startswith(("CREATE INDEX ", "CREATE UNIQUE INDEX ", "DROP INDEX ")):
            raise NotImplementedError(f"a migration that cannot be shown: {text[:40]}")
    for table, columns in added.items():
        connection.execute(statements.SHOW_COLUMNS.format(table=table, columns=", ".join(columns)))


def _value_of(definition: str) -> str:
    """The SQL expression of what a column that was added has in rows that were there before."""
    if generated := _GENERATED.fullmatch(definition):
        return f"({generated[1]})"
    default = _DEFAULT.fullmatch(definition)
    return default[1] if default else "NULL"
