"""The commands `pronote-server import sts` and `import siecle`: everything of the files, or nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from pronote_server.config import base_config
from pronote_server.errors import EXIT_USAGE, StartError
from pronote_server.imports.entering import Counts, enter_siecle, enter_sts
from pronote_server.imports.heading import Base
from pronote_server.imports.parsing import Siecle, parse_siecle, parse_sts
from pronote_server.imports.reading import FileRefused, opened
from pronote_server.settings import SettingsError, load_settings
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.database import own_base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def import_sts(environment: Mapping[str, str], path: Path) -> Counts:
    """Enter a `sts_emp` file; return what that changed.

    Raises:
        StartError: The base cannot be opened, or the file is refused: nothing was changed.
    """
    base = _base(environment)
    try:
        with opened(path) as streams:
            if len(streams) != 1:
                raise FileRefused("The zip holds more than one file.")
            found = parse_sts(streams[0][1], base)
    except FileRefused as refused:
        raise StartError(f"{path.name}: {refused}", EXIT_USAGE) from None
    return _enter(environment, lambda connection: enter_sts(connection, found))


def import_siecle(environment: Mapping[str, str], paths: Sequence[Path]) -> Counts:
    """Enter files of SIECLE; return what that changed.

    Raises:
        StartError: The base cannot be opened, or a file is refused: nothing was changed.
    """
    base, found = _base(environment), Siecle()
    for path in paths:
        try:
            with opened(path) as streams:
                for _, stream in streams:
                    parse_siecle(stream, base, found)
        except FileRefused as refused:
            raise StartError(f"{path.name}: {refused}", EXIT_USAGE) from None
    return _enter(environment, lambda connection: enter_siecle(connection, found))


def _enter(environment: Mapping[str, str], work: Callable[[sqlite3.Connection], Counts]) -> Counts:
    with own_base(environment) as connection:
        try:
            with write_transaction(connection):
                return work(connection)
        except sqlite3.Error as error:
            # The messages of SQLite name tables and columns, and no content.
            raise StartError(f"The files contradict the base or each other: {error}.", EXIT_USAGE) from None


def _base(environment: Mapping[str, str]) -> Base:
    config = base_config(environment)
    managed: tuple[str, ...] = ()
    if environment.get("PRONOTE_SETTINGS"):
        try:
            managed = load_settings(Path(environment["PRONOTE_SETTINGS"])).managed_uais
        except SettingsError as error:
            raise StartError(str(error)) from None
    return Base(frozenset({config.uai, *managed}), config.school_year)
