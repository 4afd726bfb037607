"""``source.empty``: the very first base of a volume is an empty one."""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104
from __future__ import annotations

import json
import os
from dataclasses import dataclass

from pronote_operator.prepare import disk
from pronote_operator.prepare.steps import Verdict, first_base
from pronote_operator.prepare.volume import NEW_BASE_FILE, Layout, VolumeView


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
        """See `first_base`."""
        return first_base(self, volume)

    def carry_out(self, layout: Layout) -> str:
        """Build the folder of the year aside and rename it: it appears whole or not at all."""
        staging = layout.staging(self.school_year)
        disk.make_folder(staging)
        disk.write_new_file(f"{staging}/{NEW_BASE_FILE}", json.dumps(self._request(), indent=2).encode() + b"\n")
        disk.sync_folder(staging)
        # Onto an empty folder of that name, if there is one: rename(2) allows that, and nothing else, to be replaced.
        os.rename(staging, layout.year(self.school_year))
        disk.sync_folder(layout.years)
        disk.sync_folder(layout.own)
        return "the server makes an empty base at its first start"

    def _request(self) -> dict[str, object]:
        return {
            "kind": "empty",
            "uai": self.uai,
            "schoolYear": self.school_year,
            "slotMinutes": self.slot_minutes,
            "dayStart": self.day_start,
            "dayEnd": self.day_end,
        }
