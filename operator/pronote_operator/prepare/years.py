"""The years on a data volume while its base is in service: what the agent lists, makes and notes.

The journal and the lock of the volume are those of `prepare`, which runs before the agent does. Only what is this
module's own is ever removed here: snapshots may be under way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import Journal, Record, read_history
from pronote_operator.prepare.new_year import NewYearBase
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.steps import perform
from pronote_operator.prepare.turns import SERVED, is_turned_to, key_of, making_of, was_served
from pronote_operator.prepare.volume import Layout, VolumeView, lock, view

IN_SERVICE: Final = "InService"
PREPARED: Final = "Prepared"
KEPT: Final = "Kept"


def listed_years(volume: str, in_service: int) -> list[Record]:
    """The bases on a volume, oldest first: ``[{"schoolYear", "state", "createdTime": str | None}]``.

    Args:
        volume: path that it is mounted at.
        in_service: the year that the server serves; newer ones are prepared, older ones kept.

    Raises:
        RefusedError: ``JournalDamaged``.
        OSError: the volume cannot be read.
    """
    return _listed(view(Layout(volume)), in_service)


def _listed(seen: VolumeView, in_service: int) -> list[Record]:
    found: list[Record] = []
    for year in (folder.school_year for folder in seen.years if folder.has_base):
        state = IN_SERVICE if year == in_service else PREPARED if year > in_service else KEPT
        made = making_of(seen.history, year)
        found.append({"schoolYear": year, "state": state, "createdTime": made["time"] if made else None})
    return found


def make_year(volume: str, uai: str, school_year: int, past: int, now: Callable[[], str]) -> None:
    """Make the base of the coming year beside the one in service, unless it is there; the server may go on.

    Args:
        volume: path that it is mounted at.
        uai: of the school.
        school_year: that is made.
        past: the passing year; its base is only read.
        now: gives the time of a line of the journal, RFC 3339.

    Raises:
        RefusedError: as `NewYearBase`; ``UaiMismatch`` when the volume is not this school's. Nothing was written.
        BlockingIOError: another process is at work on the volume.
        OSError: the volume failed; asking again goes on.
    """
    layout = Layout(volume)
    guard = lock(layout)
    try:
        seen = view(layout)
        _check_owner(seen, uai)
        step = NewYearBase(uai, school_year, past, layout, seen.history, live=True)
        verdict = step.assess(seen)
        if verdict == "AlreadyDone":
            return
        journal = Journal(layout.journal, seen.history, now)
        try:
            # Of an agent that was killed; what else is in the folder is for the next prepare.
            disk.remove_tree(layout.staging(school_year))
            perform(step, verdict, layout, journal, seen)
        finally:
            journal.close()
    finally:
        os.close(guard)


def note_served(volume: str, school_year: int, time: str) -> bool:
    """Note that a server was ready on a base that a turn put in service, before anybody is let in.

    Args:
        volume: path that it is mounted at.
        school_year: that it serves.
        time: of the line in the journal, RFC 3339.

    Returns:
        Whether it was noted now; once is enough, and a year without a turn needs no note.

    Raises:
        RefusedError: ``JournalDamaged``.
        OSError: the volume failed, or is being worked on; call it again.
    """
    layout = Layout(volume)
    if not _is_to_be_noted(layout, school_year):
        return False
    guard = lock(layout)
    try:
        history = read_history(layout.journal)
        if not is_turned_to(history, school_year) or was_served(history, school_year):
            return False
        journal = Journal(layout.journal, history, lambda: time)
        try:
            key = key_of(SERVED, school_year, history)
            journal.append("end", key=key, step=SERVED, schoolYear=school_year, message="a server was ready on it")
        finally:
            journal.close()
    finally:
        os.close(guard)
    return True


def _is_to_be_noted(layout: Layout, school_year: int) -> bool:
    history = read_history(layout.journal)
    return is_turned_to(history, school_year) and not was_served(history, school_year)


def _check_owner(seen: VolumeView, uai: str) -> None:
    if seen.history.uai != uai:
        owner = seen.history.uai or "nobody: prepare never ran on it"
        raise RefusedError("UaiMismatch", f"the volume belongs to {owner}; asked for {uai}")
