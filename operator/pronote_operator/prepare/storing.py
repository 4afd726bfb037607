"""What is in service stored in the base's own repository, while no server is at work on it.

Before a restore replaces it (`safety`), and before a new release is started on it (`archive`). A base without a log is
stored from where it is; one with a log is copied aside, with the log taken in. When SQLite cannot open what is in
service, everything in the folder is stored as it is, for whoever tries to save something of it: nothing is lost, ever.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH116
from __future__ import annotations

import datetime as dt
import os
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pronote_operator.prepare import disk
from pronote_operator.prepare.sqlite import copy_with_log, has_log, is_openable, link_or_copy
from pronote_operator.prepare.stored import need_room
from pronote_operator.prepare.swap import ANNEXES
from pronote_operator.prepare.volume import BASE_FILE, NEW_BASE_FILE, NEW_USERS_FILE, Layout
from pronote_operator.snapshots import Repository
from pronote_operator.snapshots.model import StoredSnapshot

AS_IT_WAS: Final = "annexes/.as-it-was"
"""Where, in the snapshot of a base that cannot be opened, the rest of its folder is."""

_NO_DATA: Final = frozenset({NEW_BASE_FILE, NEW_USERS_FILE, ".server.lock"})
"""What may be there before a server made the base that is asked for; ``.server.lock`` is the reference server's."""

UNKNOWN_VERSION: Final = "0.0.0-dev"
"""As the instance contract has it where no version is known."""

Stored = Literal["Nothing", "Whole", "AsItWas"]
"""``Nothing`` was there to be stored; ``AsItWas``: SQLite could not open the base."""


def last_version(stored: Sequence[StoredSnapshot]) -> str:
    """The version of the server that was last seen at work, by the snapshots of a repository, oldest first."""
    return next((one.version for one in reversed(stored) if one.version), UNKNOWN_VERSION)


def holds_data(layout: Layout, school_year: int) -> bool:
    """Whether there is anything in the folder of a school year that could be lost."""
    return bool(set(disk.names_in(layout.year(school_year))) - _NO_DATA)


def store(
    layout: Layout,
    repository: Repository,
    name: str,
    *,
    uai: str,
    school_year: int,
    version: str,
    moment: dt.datetime,
    what: str,
) -> Stored:
    """Store what is in service, with its annexes.

    Args:
        name: that the snapshot gets; one of that name that is there already is of the same data.
        uai: of the school.
        school_year: that is in service.
        version: of the server that was last seen at work on it.
        moment: the present instant.
        what: the snapshot is, for messages.

    Raises:
        RefusedError: ``NoRoom`` on the data volume.
        SnapshotError: as `Repository.take`; what was copied aside stays for the caller, or a sweep.
        OSError: the data volume failed; likewise.
    """
    if not holds_data(layout, school_year):
        return "Nothing"
    aside = layout.safety(school_year)
    disk.remove_tree(aside)
    base, annexes, damaged = _gathered(layout, school_year, what)
    repository.take(
        name,
        base=Path(base),
        annexes=Path(annexes) if disk.is_folder(annexes) else None,
        uai=uai,
        school_year=school_year,
        version=version,
        taken=moment,
    )
    disk.remove_tree(aside)
    return "AsItWas" if damaged else "Whole"


def _gathered(layout: Layout, school_year: int, what: str) -> tuple[str, str, bool]:
    """The folders of base and annexes to be stored, and whether they hold a base that cannot be opened."""
    folder, aside = layout.year(school_year), layout.safety(school_year)
    names, annexes = disk.names_in(folder), f"{folder}/{ANNEXES}"
    if BASE_FILE in names:
        if not has_log(folder, BASE_FILE):
            if is_openable(f"{folder}/{BASE_FILE}"):
                return folder, annexes, False
        else:
            sizes = {name: os.stat(f"{folder}/{name}").st_size for name in names if name.startswith(BASE_FILE)}
            # The copy grows by what its log, which is there meanwhile, puts into it.
            needed = sum(sizes.values()) + sizes.get(f"{BASE_FILE}-wal", 0)
            need_room(layout.own, needed, f"the copy for {what}")
            disk.make_folder(aside)
            try:
                copy_with_log(folder, BASE_FILE, aside)
            except sqlite3.Error:
                disk.remove_tree(aside)
            else:
                return aside, annexes, False
    disk.make_folder(aside)
    _as_it_was(folder, aside, names)
    return aside, f"{aside}/{ANNEXES}", True


def _as_it_was(folder: str, aside: str, names: tuple[str, ...]) -> None:
    disk.make_folder(f"{aside}/{ANNEXES}")
    disk.make_folder(f"{aside}/{AS_IT_WAS}")
    if BASE_FILE in names:
        link_or_copy(f"{folder}/{BASE_FILE}", f"{aside}/{BASE_FILE}")
    else:
        disk.write_new_file(f"{aside}/{BASE_FILE}", b"")
    for name in names:
        if name == ANNEXES:
            _link_tree(f"{folder}/{ANNEXES}", f"{aside}/{ANNEXES}")
        elif name != BASE_FILE:
            _link_tree(f"{folder}/{name}", f"{aside}/{AS_IT_WAS}/{name}")


def _link_tree(source: str, target: str) -> None:
    if disk.is_folder(source):
        disk.make_folder(target)
        for name in disk.names_in(source):
            _link_tree(f"{source}/{name}", f"{target}/{name}")
    elif stat.S_ISREG(os.lstat(source).st_mode):
        link_or_copy(source, target)
