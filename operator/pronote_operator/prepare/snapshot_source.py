"""``source.snapshot``: the very first base comes from a snapshot of another base, or of this one before it was lost."""

from __future__ import annotations

from dataclasses import dataclass

from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, SnapshotSource
from pronote_operator.prepare.steps import Verdict, first_base
from pronote_operator.prepare.volume import Layout, VolumeView


@dataclass(frozen=True)
class SnapshotBase:
    """Make the very first base of a volume."""

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
        return f"{self.kind}-{self.school_year}"

    @property
    def school_year(self) -> int:
        """See `Step`."""
        return self.plan.school_year

    def assess(self, volume: VolumeView) -> Verdict:
        """See `first_base`."""
        return first_base(self, volume)

    def carry_out(self, layout: Layout) -> str:
        """Not built yet."""
        raise RefusedError("SourceNotSupported", "source.snapshot is not served yet")
