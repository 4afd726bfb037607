"""`pronote-server export-hnot`: writes a base as files that another host loads, also while the server serves it."""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pronote_server.clock import now_utc, rfc3339
from pronote_server.config import base_config
from pronote_server.errors import EXIT_USAGE, StartError
from pronote_server.hnot.annexes import find_annexes
from pronote_server.hnot.packing import Source, new_file, scratch_file, write_zip
from pronote_server.hnot.profils import exported_users, profils_text
from pronote_server.storage.checkpoint import copy_base
from pronote_server.storage.connection import connect
from pronote_server.storage.database import check_base

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pronote_server.config import BaseConfig

BASE_FORMAT: Final = "pronote-hnot/1"
ANNEX_FORMAT: Final = "pronote-annex/1"

MAX_FILES: Final = 50_000
"""Files of one annex file; what is more goes into further ones."""

QUIET_SECONDS: Final = 2.0
"""Progress is told at most that often, and not at all for work that is done sooner."""


@dataclass(frozen=True)
class Request:
    """What to export.

    Attributes:
        output: Folder to write into; made when missing.
        name: Begins the name of each file.
        annexes: Write the annex files, too.
        profils: Write the users, too.
    """

    output: Path
    name: str
    annexes: bool
    profils: bool


def export(environment: Mapping[str, str], request: Request) -> list[Path]:
    """Export a base; return the files, the base's own last: when it is there, the others are.

    Raises:
        StartError: The base cannot be opened, the name is none, or a file cannot be written.
    """
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}", request.name):
        message = "A name begins with a letter or digit and has 1 to 64 letters, digits, dots, lines."
        raise StartError(message, EXIT_USAGE)
    config = base_config(environment)
    try:
        request.output.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _export(config, request, _created(environment))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise StartError(f"The export has failed: {error.strerror or error}{where}.") from None
    except sqlite3.Error as error:
        # The messages of SQLite name no content.
        raise StartError(f"base.sqlite cannot be exported: {error}.") from None


def _export(config: BaseConfig, request: Request, created: datetime) -> list[Path]:
    described: dict[str, object] = {
        "uai": config.uai,
        "schoolYear": config.school_year,
        "version": config.version,
        "createdTime": rfc3339(created),
    }
    written: list[Path] = []
    base = request.output / f"{request.name}.HNOT"
    with scratch_file(request.output, f"{request.name}.sqlite") as aside:
        _copy(config, aside)
        if request.annexes:
            written += _export_annexes(config, request, described)
        if request.profils:
            written.append(_export_profils(config, request, created, aside))
        source = Source("base.sqlite", "base.sqlite", aside)
        progress = Progress(base.name, 2 * aside.stat().st_size)
        write_zip(base, {"format": BASE_FORMAT, **described}, [source], progress.add)
    return [*written, base]


def _copy(config: BaseConfig, target: Path) -> None:
    if not config.base_path.exists():
        raise StartError("The folder of the school year holds no base.sqlite.")
    with closing(connect(config.base_path)) as connection:
        check_base(connection, config)
    copy_base(config.base_path, target, Progress("copy of the base", 0).at)


def _export_annexes(config: BaseConfig, request: Request, described: Mapping[str, object]) -> list[Path]:
    found = find_annexes(config.folder)
    written = []
    for kind, sources in found.files.items():
        for number, first in enumerate(range(0, len(sources), MAX_FILES), start=1):
            part = sources[first : first + MAX_FILES]
            path = request.output / f"{request.name}{'' if number == 1 else f'-{number}'}{kind.suffix}"
            progress = Progress(path.name, 2 * sum(source.path.stat().st_size for source in part))
            write_zip(path, {"format": ANNEX_FORMAT, "kind": kind.value, **described}, part, progress.add)
            written.append(path)
    if found.left_out:
        _say(
            f"warning: {found.left_out} entries in annexes were left out: only plain files in photos, letters and "
            "documents are packed"
        )
    return written


def _export_profils(config: BaseConfig, request: Request, created: datetime, base: Path) -> Path:
    path = request.output / f"{request.name}.profils"
    with closing(connect(base)) as connection:
        users = exported_users(connection)
    for warning in users.warnings:
        _say(f"warning: {warning}")
    text = profils_text(users.records, {"uai": config.uai, "version": config.version, "createdTime": rfc3339(created)})
    with new_file(path) as file:
        file.write(text)
    return path


class Progress:
    """Tells on standard error how far long work is.

    Args:
        what: The work.
        total: Bytes in all; 0 when `at` is used.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._told = time.monotonic()

    def add(self, done: int) -> None:
        """Count bytes that are done."""
        self._done += done
        self.at(self._done, self._total)

    def at(self, done: int, total: int) -> None:
        """Tell how far it is, unless it was told just now."""
        if time.monotonic() - self._told >= QUIET_SECONDS and total:
            self._told = time.monotonic()
            _say(f"{self._what}: {100 * done // total} %")


def _say(text: str) -> None:
    sys.stderr.write(f"pronote-server: {text}\n")
    sys.stderr.flush()


def _created(environment: Mapping[str, str]) -> datetime:
    """Return the present instant, or the one of SOURCE_DATE_EPOCH (https://reproducible-builds.org)."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return now_utc()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise StartError("SOURCE_DATE_EPOCH must be seconds since 1970.", EXIT_USAGE)
    return datetime.fromtimestamp(int(text), UTC)
