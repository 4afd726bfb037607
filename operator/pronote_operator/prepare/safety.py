"""The safety snapshot: what is in service is stored before anything replaces it ("sauvegarde de sécurité").

The server is stopped. A base without a log is stored from where it is; one with a log is copied aside, with the log
taken in. When SQLite cannot open what is in service, everything in the folder is stored as it is, for whoever tries to
save something of it: nothing is lost, ever.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH116
from __future__ import annotations

import datetime as dt
import os
import sqlite3
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.prepare import disk
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.plan import DataPlan
from pronote_operator.prepare.sqlite import copy_with_log, has_log, is_openable, link_or_copy
from pronote_operator.prepare.stored import MENDED_NEXT, need_room
from pronote_operator.prepare.swap import ANNEXES
from pronote_operator.prepare.volume import BASE_FILE, NEW_BASE_FILE, NEW_USERS_FILE, Layout
from pronote_operator.snapshots import Reason, Repository, SnapshotError

AS_IT_WAS: Final = "annexes/.as-it-was"
"""Where, in the safety snapshot of a base that cannot be opened, the rest of its folder is."""

_NO_DATA: Final = frozenset({NEW_BASE_FILE, NEW_USERS_FILE, ".server.lock"})
"""What may be there before a server made the base that is asked for; ``.server.lock`` is the reference server's."""

UNKNOWN_VERSION: Final = "0.0.0-dev"
"""As the instance contract has it where no version is known."""


@dataclass(frozen=True)
class Safety:
    """What was stored. ``name`` is None when nothing was in service."""

    name: str | None
    message: str


def safety_name(moment: dt.datetime, taken: Iterable[str]) -> str:
    """A name for a safety snapshot that none has yet.

    Args:
        moment: the present instant.
        taken: names that are in use, or were.
    """
    names = set(taken)
    moment = moment.replace(microsecond=0)
    while (name := snapshot_name(SnapshotKind.SAFETY, moment)) in names:
        moment += dt.timedelta(seconds=1)
    return name


def take_safety(
    plan: DataPlan, layout: Layout, repository: Repository, name: str, version: str, moment: dt.datetime
) -> Safety:
    """Store what is in service in the base's own repository.

    Args:
        name: that it gets; one of that name that is there already is of the same data.
        version: of the server that was last seen at work on them.
        moment: the present instant.

    Raises:
        RefusedError: ``NoRoom`` on the data volume, or ``SafetySnapshotFailed``.
        SnapshotError: ``Busy`` and ``Cancelled`` only.
        OSError: the data volume failed.
    """
    folder, aside = layout.year(plan.school_year), layout.safety(plan.school_year)
    names = disk.names_in(folder)
    if BASE_FILE not in names and not set(names) - _NO_DATA:
        return Safety(None, "nothing was in service")
    disk.remove_tree(aside)
    base, annexes, damaged = _gathered(layout, plan.school_year, names)
    try:
        repository.take(
            name,
            base=Path(base),
            annexes=Path(annexes) if disk.is_folder(annexes) else None,
            uai=plan.uai,
            school_year=plan.school_year,
            version=version,
            taken=moment,
        )
    except SnapshotError as error:
        if error.reason in (Reason.BUSY, Reason.CANCELLED):
            raise
        text = f"what is in service could not be stored first ({error.reason}: {error.message})"
        if error.reason is Reason.REPOSITORY_DAMAGED:
            text += f"; {MENDED_NEXT}"
        raise RefusedError("SafetySnapshotFailed", text) from error
    disk.remove_tree(aside)
    if damaged:
        return Safety(name, f"{name} holds what was in service as it was: SQLite could not open it")
    return Safety(name, f"{name} holds what was in service")


def _gathered(layout: Layout, school_year: int, names: tuple[str, ...]) -> tuple[str, str, bool]:
    """The folders of base and annexes to be stored, and whether they hold a base that cannot be opened."""
    folder, aside = layout.year(school_year), layout.safety(school_year)
    annexes = f"{folder}/{ANNEXES}"
    if BASE_FILE in names:
        if not has_log(folder, BASE_FILE):
            if is_openable(f"{folder}/{BASE_FILE}"):
                return folder, annexes, False
        else:
            sizes = {name: os.stat(f"{folder}/{name}").st_size for name in names if name.startswith(BASE_FILE)}
            # The copy grows by what its log, which is there meanwhile, puts into it.
            needed = sum(sizes.values()) + sizes.get(f"{BASE_FILE}-wal", 0)
            need_room(layout.own, needed, "the copy for the safety snapshot")
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
