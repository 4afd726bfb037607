"""A built folder takes the place of a school year's folder, by renames that any later run can finish.

SQLite's log and shared memory (``-wal``, ``-shm``) belong to one file and are never put beside another, so the whole
folder is replaced. Whatever else the server keeps in it (the contract lets it) goes over to the new one.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104
from __future__ import annotations

import os
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.volume import BASE_FILE, NEW_BASE_FILE, NEW_USERS_FILE, Layout

ANNEXES: Final = "annexes"

BASE_FILES: Final = (
    BASE_FILE,
    f"{BASE_FILE}-wal",
    f"{BASE_FILE}-shm",
    f"{BASE_FILE}-journal",
    NEW_BASE_FILE,
    NEW_USERS_FILE,
)
"""What makes up a base, or asks the server to make it; none of it stays when another takes its place."""


def clear_way(layout: Layout, school_year: int) -> None:
    """Remove what an earlier exchange replaced, so that `put_in_place` can tell how far it came."""
    disk.remove_tree(layout.replaced(school_year))
    disk.sync_folder(layout.own)


def put_in_place(layout: Layout, school_year: int, *, keeps_annexes: bool) -> None:
    """Put ``Layout.staging`` in the place of the year's folder, which goes to ``Layout.replaced``.

    Begun once `clear_way` was; may then be killed anywhere and is finished by calling it again.

    Args:
        keeps_annexes: the annexes that are there stay; else those of the new folder, if any, are the only ones.

    Raises:
        OSError: call it again. `is_untouched` tells whether anything was moved at all.
    """
    new, place, old = layout.staging(school_year), layout.year(school_year), layout.replaced(school_year)
    if not disk.exists(new):
        return
    if disk.exists(place):
        os.rename(place, old)
        _sync(layout)
    for name in disk.names_in(old):
        if name not in BASE_FILES and (keeps_annexes or name != ANNEXES):
            os.rename(f"{old}/{name}", f"{new}/{name}")
    if disk.exists(old):
        disk.sync_folder(new)
        disk.sync_folder(old)
    os.rename(new, place)
    _sync(layout)


def is_untouched(layout: Layout, school_year: int) -> bool:
    """Whether an exchange that failed has moved nothing yet, so that it can be given up."""
    return disk.exists(layout.staging(school_year)) and not disk.exists(layout.replaced(school_year))


def put_back(layout: Layout, school_year: int) -> bool:
    """Undo an exchange whose new folder is gone without being in place: only somebody else can have removed it.

    Returns:
        Whether that was so. What was replaced is in its place again, if it is there.
    """
    place, old = layout.year(school_year), layout.replaced(school_year)
    if disk.exists(layout.staging(school_year)) or disk.exists(place):
        return False
    if disk.exists(old):
        os.rename(old, place)
        _sync(layout)
    return True


def _sync(layout: Layout) -> None:
    disk.sync_folder(layout.years)
    disk.sync_folder(layout.own)
