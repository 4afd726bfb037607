"""An open base: one thread writes, two read, and the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from pronote_server.config import base_config
from pronote_server.errors import StartError
from pronote_server.storage import statements
from pronote_server.storage.connection import connect, migrate, write_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pronote_server.config import BaseConfig

READERS: Final = 2
"""Reading threads: SQLite releases the GIL, and a pod has a core or two."""

P = ParamSpec("P")
T = TypeVar("T")


def open_base(config: BaseConfig) -> sqlite3.Connection:
    """Open a base for writing, check that it is the one that is meant, and bring it to today's schema.

    Raises:
        StartError: It is no base, it is another school's or year's, or a newer server made it.
    """
    try:
        connection = connect(config.base_path)
        try:
            check_base(connection, config)
            connection.execute(statements.USE_WAL)
            migrate(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        # The messages of SQLite name no content.
        raise StartError(f"base.sqlite cannot be opened: {error}.") from None
    return connection


@contextmanager
def own_base(environment: Mapping[str, str]) -> Iterator[sqlite3.Connection]:
    """Open the base that the environment names, for a command of its own; also while the server has it open.

    Raises:
        StartError: The environment is malformed, or the base cannot be opened.
    """
    connection = open_base(base_config(environment))
    try:
        yield connection
    finally:
        connection.close()


def check_base(connection: sqlite3.Connection, config: BaseConfig) -> None:
    """Check that an open file is the base that is meant.

    Raises:
        StartError: It is no base, it is another school's or year's, or a newer server made it.
    """
    (application_id,) = connection.execute(statements.READ_APPLICATION_ID).fetchone()
    (schema,) = connection.execute(statements.READ_SCHEMA_VERSION).fetchone()
    if application_id != statements.APPLICATION_ID or schema < 1:
        raise StartError("base.sqlite is not a base of this server.")
    if schema > statements.SCHEMA_VERSION:
        raise StartError(
            f"base.sqlite has schema {schema}, this server knows {statements.SCHEMA_VERSION}: use a newer version."
        )
    row = connection.execute(statements.SELECT_BASE).fetchone()
    if row is None or row[:2] != (config.uai, config.school_year):
        raise StartError("base.sqlite is of another school or school year than PRONOTE_UAI, PRONOTE_SCHOOL_YEAR.")


class Database:
    """The base of a running server. Made and closed outside the event loop's thread."""

    def __init__(self, config: BaseConfig) -> None:
        self._path = config.base_path
        self._writer = open_base(config)
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="base-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="base-read")

    @property
    def size_bytes(self) -> int:
        """Size of the file; pages that are still in the log are not counted."""
        return self._path.stat().st_size

    async def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` with a reading connection."""

        def task() -> T:
            return work(self._reader(), *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._read_threads, task)

    async def write(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` in a transaction; when this returns, what it wrote is on disk."""

        def task() -> T:
            with write_transaction(self._writer) as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._write_thread, task)

    def close(self) -> None:
        """Finish what was begun, move the log into the base, and close."""
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        for reader in self._readers:
            reader.close()
        self._writer.execute(statements.EMPTY_WAL)
        self._writer.close()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._path)
            self._local.connection = connection
            self._readers.append(connection)
        return connection
