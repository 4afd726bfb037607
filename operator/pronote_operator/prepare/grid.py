"""The grid of the timetable (grille horaire) of a base on the volume: the next year's base begins with the same.

The schema of a base is its server's own. One with a table ``base`` that has the columns of the grid, as the reference
server's, is asked; any other gets the usual grid, which EDT's own replaces anyway.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH106, PTH116
from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from pronote_operator.prepare import disk
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.sqlite import copy_with_log, has_log
from pronote_operator.prepare.stored import need_room
from pronote_operator.prepare.volume import BASE_FILE, NEW_BASE_FILE, Layout


@dataclass(frozen=True)
class Grid:
    """The hours of a day: the length of a place in minutes, and when the first begins and the last ends (HH:MM)."""

    slot_minutes: int
    day_start: str
    day_end: str


USUAL: Final = Grid(60, "08:00", "18:00")

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

_MEMBERS: Final = ("slotMinutes", "dayStart", "dayEnd")

_WAIT_SECONDS: Final = 10.0
"""For a server that is about to change its base."""


def grid_of(layout: Layout, uai: str, school_year: int, aside: str, *, live: bool) -> Grid:
    """The grid of the base of a year.

    Args:
        layout: of the volume; the folder of the year holds a base, or the request for one.
        uai: of the school that the base must be of, if it says so.
        school_year: likewise.
        aside: a path in `Layout.own` for a copy, where one is needed; nothing is left there.
        live: whether a server may have the base open.

    Raises:
        RefusedError: ``SchoolYearDamaged``: the base cannot be read, or is another's; ``NoRoom`` for the copy.
        OSError: the volume failed.
    """
    folder = layout.year(school_year)
    if not disk.exists(f"{folder}/{BASE_FILE}"):
        return _asked(folder, school_year)
    try:
        found = _read(folder, "mode=ro", uai, school_year) if live else _read_at_rest(layout, uai, school_year, aside)
    except sqlite3.Error as error:
        raise _damaged(school_year, f"SQLite cannot read it: {error}") from error
    return found or USUAL


def _read_at_rest(layout: Layout, uai: str, school_year: int, aside: str) -> Grid | None:
    folder = layout.year(school_year)
    logged = has_log(folder, BASE_FILE)
    try:
        # Nothing is written beside it; and the grid, written when the base was made, is hardly ever in a log.
        found = _read(folder, "mode=ro&immutable=1", uai, school_year)
    except sqlite3.Error:
        if not logged:
            raise
        found = None
    return _read_with_log(layout, folder, uai, school_year, aside) if found is None and logged else found


def _read_with_log(layout: Layout, folder: str, uai: str, school_year: int, aside: str) -> Grid | None:
    own_is_new = disk.make_folder(layout.own)
    sizes = [os.stat(f"{folder}/{name}").st_size for name in disk.names_in(folder) if name.startswith(BASE_FILE)]
    try:
        disk.remove_tree(aside)
        need_room(layout.own, 2 * sum(sizes), "the copy to read the grid from")
        disk.make_folder(aside)
        copy_with_log(folder, BASE_FILE, aside)
        return _read(aside, "mode=ro&immutable=1", uai, school_year)
    finally:
        with contextlib.suppress(OSError):
            disk.remove_tree(aside)
            if own_is_new:
                os.rmdir(layout.own)


def _read(folder: str, how: str, uai: str, school_year: int) -> Grid | None:
    """The grid that a base tells of itself, if it does."""
    uri = f"file:{quote(folder)}/{BASE_FILE}?{how}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS)) as base:
        # Its schema may be somebody's who wants us to run what it says.
        base.execute("PRAGMA trusted_schema = OFF")
        if base.execute("SELECT type FROM sqlite_master WHERE name = 'base'").fetchone() != ("table",):
            return None
        # Generated columns are not among these.
        names = {row[1] for row in base.execute("PRAGMA table_info(base)")}
        if {"uai", "school_year"} <= names:
            owner = base.execute("SELECT uai, school_year FROM base").fetchone()
            if owner is not None and tuple(owner) != (uai, school_year):
                raise _damaged(school_year, f"it is the base of {str(owner[0])[:20]}, school year {str(owner[1])[:20]}")
        if not {"slot_minutes", "day_start", "day_end"} <= names:
            return None
        row = base.execute("SELECT slot_minutes, day_start, day_end FROM base").fetchone()
    return _checked(*row) if row is not None else None


def _asked(folder: str, school_year: int) -> Grid:
    """The grid of a base that no server has made yet."""
    try:
        asked = json.loads(disk.read_file(f"{folder}/{NEW_BASE_FILE}") or b"")
        return _checked(*(asked[member] for member in _MEMBERS))
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(school_year, f"{NEW_BASE_FILE} cannot be read") from error


def _checked(slot: object, start: object, end: object) -> Grid:
    """The grid, if a school can have it and so `source.empty` takes it; else the usual one."""
    if isinstance(slot, bool) or not isinstance(slot, int) or not 1 <= slot <= 240:
        return USUAL
    if (
        not isinstance(start, str)
        or not isinstance(end, str)
        or not (_CLOCK.fullmatch(start) and _CLOCK.fullmatch(end))
    ):
        return USUAL
    return Grid(slot, start, end) if _minutes(start) + slot <= _minutes(end) else USUAL


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _damaged(school_year: int, why: str) -> RefusedError:
    return RefusedError("SchoolYearDamaged", f"the base of the passing school year {school_year} is not good: {why}")
