"""What a plan changes besides bases being made: the year in service, and which other years stay on the volume."""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104
from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import History
from pronote_operator.prepare.outcome import RetryError
from pronote_operator.prepare.steps import Verdict
from pronote_operator.prepare.turns import (
    NEW_YEAR,
    PUT_AWAY,
    TURN,
    YEAR,
    key_of,
    making_of,
    times_put_away,
    was_served,
    year_in_service,
)
from pronote_operator.prepare.volume import BASE_FILE, NEW_BASE_FILE, Layout, VolumeView

_PUT_AWAY: Final = re.compile(r"put-away-([0-9]{4})(-[0-9]+)?")
_YEAR: Final = re.compile(r"[0-9]{4}")

_OF_A_SERVER: Final = frozenset(
    {BASE_FILE, f"{BASE_FILE}-wal", f"{BASE_FILE}-shm", f"{BASE_FILE}-journal", NEW_BASE_FILE, ".server.lock"}
)
"""What a server that never was ready may leave; ``.server.lock`` is the reference server's."""


@dataclass(frozen=True)
class Turn:
    """Put the base of a year in service by a turn: once it is there, bases older than the passing year's go.

    They stayed readable until now. None goes unless the passing year's base, which is kept in their place, is there.
    """

    school_year: int
    past: int
    history: History

    @property
    def kind(self) -> str:
        """See `Step`."""
        return TURN

    @property
    def key(self) -> str:
        """See `Step`."""
        return key_of(TURN, self.school_year, self.history)

    def assess(self, volume: VolumeView) -> Verdict:
        """See `Step`. Once a turn: a past year that is put on the volume again later (a restore) stays."""
        return "CarryOut" if volume.history.end_of(self.key) is None else "AlreadyDone"

    def carry_out(self, layout: Layout) -> str:
        """Remove what is older than the passing year; each folder is gone at once, and emptied aside."""
        if not (_has_base(layout, self.past) and _has_base(layout, self.school_year)):
            return f"the base of {self.past} is not there to be kept, so nothing older was removed"
        removed = [name for name in disk.names_in(layout.years) if _YEAR.fullmatch(name) and int(name) < self.past]
        for name in removed:
            disk.remove_tree(layout.replaced(int(name)))
            os.rename(layout.year(int(name)), layout.replaced(int(name)))
            disk.sync_folder(layout.years)
            disk.sync_folder(layout.own)
            disk.remove_tree(layout.replaced(int(name)))
        for name in disk.names_in(layout.own):
            found = _PUT_AWAY.fullmatch(name)
            if found and int(found[1]) < self.past:
                disk.remove_tree(f"{layout.own}/{name}")
        disk.sync_folder(layout.own)
        older = f"; removed: {', '.join(removed)}" if removed else ""
        return f"{self.past} is kept{older}"


@dataclass(frozen=True)
class YearInService:
    """Note that the plan has changed to another year without a turn: a pin, its end, or a roll gone back from.

    Only on volumes that saw a turn: it is what `turns.years_to_put_away` needs to know.
    """

    school_year: int
    history: History

    @property
    def kind(self) -> str:
        """See `Step`."""
        return YEAR

    @property
    def key(self) -> str:
        """See `Step`."""
        changes = sum(record["event"] == "end" and record.get("step") == YEAR for record in self.history.records)
        return f"year-{self.school_year}-{changes + 1}"

    def assess(self, volume: VolumeView) -> Verdict:
        """See `Step`."""
        return "AlreadyDone" if year_in_service(volume.history) in (None, self.school_year) else "CarryOut"

    def carry_out(self, layout: Layout) -> str:
        """Nothing but the line in the journal."""
        others = [
            name for name in disk.names_in(layout.years) if _YEAR.fullmatch(name) and name != f"{self.school_year}"
        ]
        return f"in service from now on; beside it: {', '.join(others) or 'none'}"


@dataclass(frozen=True)
class PutAway:
    """Put the folder away that a failed roll turned to: removed, or kept aside if anybody may have worked in it."""

    school_year: int
    history: History

    @property
    def kind(self) -> str:
        """See `Step`."""
        return PUT_AWAY

    @property
    def key(self) -> str:
        """See `Step`."""
        return key_of(PUT_AWAY, self.school_year, self.history)

    def assess(self, volume: VolumeView) -> Verdict:
        """See `Step`."""
        return "CarryOut" if volume.history.end_of(self.key) is None else "AlreadyDone"

    def carry_out(self, layout: Layout) -> str:
        """One rename, and then the removal.

        Raises:
            RetryError: a server that is not yet gone has the base open.
        """
        place, gone = layout.year(self.school_year), layout.replaced(self.school_year)
        aside = layout.put_away(self.school_year, 1 + times_put_away(self.history, self.school_year))
        if disk.exists(place):
            keeps = not self._is_unused(place)
            disk.remove_tree(gone)
            os.rename(place, aside if keeps else gone)
            disk.sync_folder(layout.years)
            disk.sync_folder(layout.own)
        disk.remove_tree(gone)
        disk.sync_folder(layout.own)
        if disk.exists(aside):
            kept = f"{os.path.basename(layout.own)}/{os.path.basename(aside)}"  # noqa: PTH119
            return f"the base of {self.school_year} is kept aside in {kept}: a server was in service on it"
        return f"the base of {self.school_year} was removed: nobody was served from it"

    def _is_unused(self, place: str) -> bool:
        """Whether it is as the turn made it. Anything that leaves a doubt is kept."""
        from pronote_operator.prepare.sqlite import has_pupils, is_open_elsewhere

        if is_open_elsewhere(place, BASE_FILE):
            raise RetryError("BaseInUse", f"a server that is not yet gone has the base of {self.school_year} open")
        made, names = making_of(self.history, self.school_year), disk.names_in(place)
        if made is None or made.get("step") != NEW_YEAR or was_served(self.history, self.school_year):
            return False
        return set(names) <= _OF_A_SERVER and not (BASE_FILE in names and has_pupils(f"{place}/{BASE_FILE}"))


def _has_base(layout: Layout, school_year: int) -> bool:
    names = disk.names_in(layout.year(school_year))
    return BASE_FILE in names or NEW_BASE_FILE in names
