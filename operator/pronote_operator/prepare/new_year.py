"""``newYear``: an empty base for the coming school year, beside that of the passing one ("base vide").

The passing year's base is only read: for its grid. Nothing is made in place of a base that was there and is lost, nor
beside a year that is not on the volume: both are somebody's to look into, and a restore needs no base to be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronote_operator.prepare.empty import EmptyBase
from pronote_operator.prepare.journal import History
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.steps import Verdict, missing_year, present_base
from pronote_operator.prepare.turns import NEW_YEAR, key_of, making_of
from pronote_operator.prepare.volume import Layout, VolumeView

if TYPE_CHECKING:
    from pronote_operator.prepare.grid import Grid


@dataclass(frozen=True)
class NewYearBase:
    """Make the base of a year beside that of the passing one.

    Args:
        uai: of the school.
        school_year: that is made.
        past: the passing year.
        layout: of the volume.
        history: of the volume, for the name in the journal.
        live: whether a server may have the passing year's base open.
    """

    uai: str
    school_year: int
    past: int
    layout: Layout
    history: History
    live: bool = False

    @property
    def kind(self) -> str:
        """See `Step`."""
        return NEW_YEAR

    @property
    def key(self) -> str:
        """See `Step`."""
        return key_of(NEW_YEAR, self.school_year, self.history)

    def assess(self, volume: VolumeView) -> Verdict:
        """See `Step`. A base of the year that is there, whatever made it, is kept.

        Raises:
            RefusedError: ``SchoolYearMissing``: the passing year is not on the volume, or the year's base was and is
                not any more; ``SchoolYearDamaged``: one of the two folders holds no good base.
        """
        there = present_base(self, volume)
        if there is not None:
            return there
        if making_of(volume.history, self.school_year) is not None:
            raise RefusedError("SchoolYearMissing", missing_year(self.school_year, volume))
        past = volume.year(self.past)
        if past is None:
            text = missing_year(self.past, volume)
            raise RefusedError("SchoolYearMissing", f"{self.school_year} is to be made beside {self.past}: {text}")
        if not past.has_base:
            raise RefusedError(
                "SchoolYearDamaged",
                f"{self.school_year} is to be made beside {self.past}, whose folder holds "
                f"{', '.join(past.names[:5])} and no base",
            )
        self._grid()
        return "CarryOut"

    def carry_out(self, layout: Layout) -> str:
        """As the very first empty base: the folder of the year appears whole or not at all."""
        grid = self._grid()
        EmptyBase(self.uai, self.school_year, grid.slot_minutes, grid.day_start, grid.day_end).carry_out(layout)
        return (
            f"an empty base beside that of {self.past}, with its grid ({grid.slot_minutes} minutes from "
            f"{grid.day_start} to {grid.day_end}); the server makes it at its first start"
        )

    def _grid(self) -> Grid:
        # Imports SQLite, which a run with nothing to do has no use for.
        from pronote_operator.prepare.grid import grid_of

        aside = f"{self.layout.staging(self.school_year)}-grid"
        return grid_of(self.layout, self.uai, self.past, aside, live=self.live)
