"""The steps of a plan: what each of them asks of a volume, and how it is carried out.

A step first looks (`assess`, pure) and only then acts (`carry_out`). Acting is idempotent and may be killed at any
instruction: what is new is built aside, synced, and renamed into place. Restores and the turn of the year will be
further classes of this shape, in the order in which `steps_of` gives them.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104
from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Literal, Protocol

from pronote_operator.prepare import disk
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.plan import DataPlan
from pronote_operator.prepare.volume import NEW_BASE_FILE, Layout, VolumeView

Verdict = Literal["AlreadyDone", "CarryOut", "RecordEnd"]
"""``RecordEnd``: an earlier run made all of it and was killed before it could say so in the journal."""


class Step(Protocol):
    """One change of a volume."""

    @property
    def kind(self) -> str:
        """The step's name in plan and journal."""

    @property
    def key(self) -> str:
        """Identifies the step in the journal: the same key is never done twice."""

    @property
    def school_year(self) -> int:
        """The school year that the step makes."""

    def assess(self, volume: VolumeView) -> Verdict:
        """Decide, without touching anything.

        Raises:
            RefusedError: the step cannot be carried out on this volume.
        """

    def carry_out(self, layout: Layout) -> None:
        """Make it so, durably.

        Raises:
            OSError: the volume failed; carrying out again is safe.
        """


@dataclass(frozen=True)
class EmptyBase:
    """Make the very first base of a volume an empty one ("créer une base vide")."""

    uai: str
    school_year: int
    slot_minutes: int
    day_start: str
    day_end: str

    @property
    def kind(self) -> str:
        """See `Step`."""
        return "empty"

    @property
    def key(self) -> str:
        """See `Step`."""
        return f"empty-{self.school_year}"

    def assess(self, volume: VolumeView) -> Verdict:
        """An existing base of the year is kept; a base is never made on a volume that holds or ever held another.

        Raises:
            RefusedError: ``SchoolYearMissing`` or ``SchoolYearDamaged``.
        """
        folder = volume.year(self.school_year)
        if folder is not None and folder.has_base:
            interrupted = volume.history.begun(self.key) and volume.history.end_of(self.key) is None
            return "RecordEnd" if interrupted else "AlreadyDone"
        if folder is not None:
            raise RefusedError(
                "SchoolYearDamaged",
                f"the folder of school year {self.school_year} holds {', '.join(folder.names[:5])} and no base; "
                "nothing is made over it",
            )
        if volume.years or volume.history.years_made:
            raise RefusedError("SchoolYearMissing", self._missing(volume))
        return "CarryOut"

    def carry_out(self, layout: Layout) -> None:
        """Build the folder of the year aside and rename it: it appears whole or not at all."""
        staging = layout.staging(self.school_year)
        disk.make_folder(staging)
        disk.write_new_file(f"{staging}/{NEW_BASE_FILE}", json.dumps(self._request(), indent=2).encode() + b"\n")
        disk.sync_folder(staging)
        # Onto an empty folder of that name, if there is one: rename(2) allows that, and nothing else, to be replaced.
        os.rename(staging, layout.year(self.school_year))
        disk.sync_folder(layout.years)
        disk.sync_folder(layout.own)

    def _request(self) -> dict[str, object]:
        return {
            "kind": "empty",
            "uai": self.uai,
            "schoolYear": self.school_year,
            "slotMinutes": self.slot_minutes,
            "dayStart": self.day_start,
            "dayEnd": self.day_end,
        }

    def _missing(self, volume: VolumeView) -> str:
        present = ", ".join(str(year) for year in volume.years_present) or "none"
        text = f"school year {self.school_year} is not on the volume; years present: {present}"
        made = ", ".join(str(year) for year in volume.history.years_made)
        return f"{text}; the journal says that a base was made for: {made}" if made else text


def steps_of(plan: DataPlan) -> tuple[Step, ...]:
    """The steps that a plan asks for, in the order of carrying out."""
    empty = plan.source.empty
    return (EmptyBase(plan.uai, plan.school_year, empty.slot_minutes, empty.day_start, empty.day_end),)
