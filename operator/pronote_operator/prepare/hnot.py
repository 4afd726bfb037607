"""``source.hnot``: the very first base comes from a file packed for hosting, with its annexes and users."""

from __future__ import annotations

from dataclasses import dataclass

from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, HnotSource
from pronote_operator.prepare.steps import Step, Verdict, first_base
from pronote_operator.prepare.volume import Layout, VolumeView


@dataclass(frozen=True)
class HnotBase:
    """Make the very first base of a volume."""

    plan: DataPlan
    source: HnotSource
    places: Places

    @property
    def kind(self) -> str:
        """See `Step`."""
        return "hnot"

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
        raise RefusedError("SourceNotSupported", "source.hnot is not served yet")


def hnot_steps(plan: DataPlan, source: HnotSource, places: Places) -> tuple[Step, ...]:
    """The base, then each annex, then the users, each a step of its own."""
    return (HnotBase(plan, source, places),)
