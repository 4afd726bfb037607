"""``source.snapshot``: the very first base comes from a snapshot of another base, or of this one before it was lost.

The repository of another base is mounted read-only. A snapshot of another school or of another school year is refused:
what it holds would not be what the plan says.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104
from __future__ import annotations

import os
from dataclasses import dataclass

from pronote_operator.prepare import disk
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, SnapshotSource
from pronote_operator.prepare.steps import Verdict, first_base
from pronote_operator.prepare.volume import Layout, VolumeView


@dataclass(frozen=True)
class SnapshotBase:
    """Make the very first base of a volume from a snapshot."""

    plan: DataPlan
    source: SnapshotSource
    places: Places

    @property
    def kind(self) -> str:
        """See `Step`."""
        return "snapshot"

    @property
    def key(self) -> str:
        """See `Step`."""
        return f"snapshot-{self.school_year}"

    @property
    def school_year(self) -> int:
        """See `Step`."""
        return self.plan.school_year

    def assess(self, volume: VolumeView) -> Verdict:
        """See `first_base`. When a base is to be made, the repository is asked: a refusal comes before any change.

        Raises:
            RefusedError: as `first_base` and `snapshot_loading.check_there`.
            RetryError: the repository is in use.
        """
        verdict = first_base(self, volume)
        if verdict == "CarryOut":
            from pronote_operator.prepare.snapshot_loading import check_there

            check_there(self.plan, self.source, self.places)
        return verdict

    def carry_out(self, layout: Layout) -> str:
        """Unpack aside, check, and rename: the folder of the year appears whole or not at all."""
        from pronote_operator.prepare.snapshot_loading import unpack

        snapshot = unpack(self.plan, self.source, self.places, layout)
        # Onto an empty folder of that name, if there is one: rename(2) allows that, and nothing else, to be replaced.
        os.rename(layout.staging(self.school_year), layout.year(self.school_year))
        disk.sync_folder(layout.years)
        disk.sync_folder(layout.own)
        return f"{snapshot.name} of {self.source.base}, taken {snapshot.taken:%Y-%m-%d %H:%M} UTC"
