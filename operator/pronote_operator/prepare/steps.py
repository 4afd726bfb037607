"""The steps of a plan, other than a restore: what each of them asks of a volume, and how it is carried out.

A step first looks (`assess`, writes nothing) and only then acts (`carry_out`). Acting is idempotent and may be killed
at any instruction: what is new is built aside, in `Layout.staging`, synced, and renamed into place. Each source has a
module of its own, imported only when a plan names it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal, Protocol

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import Journal
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.turns import is_turned_to, year_in_service, years_to_put_away
from pronote_operator.prepare.volume import Layout, VolumeView

if TYPE_CHECKING:
    # The agent, which is small, uses this module too.
    from pronote_operator.prepare.plan import DataPlan

Verdict = Literal["AlreadyDone", "CarryOut", "RecordEnd"]
"""``RecordEnd``: an earlier run made all of it and was killed before it could say so in the journal."""


class Step(Protocol):
    """One change of a volume."""

    @property
    def kind(self) -> str:
        """The member of ``source`` that it belongs to (``empty``, ``hnot``, ``snapshot``), one of `turns.STEPS`, or
        ``archive``."""

    @property
    def key(self) -> str:
        """Identifies the step in the journal, and is its name in reports: the same key never ends twice."""

    @property
    def school_year(self) -> int:
        """The school year that the step makes, or is about."""

    def assess(self, volume: VolumeView) -> Verdict:
        """Decide, without touching the data volume.

        Raises:
            RefusedError: the step cannot be carried out; nothing was written.
        """

    def carry_out(self, layout: Layout) -> str:
        """Make it so, durably. Whatever an exception leaves in `Layout.staging` is removed by the caller.

        Returns:
            One sentence for the report of the step.

        Raises:
            RefusedError: what was read turned out not to be good; nothing was put in place.
            OSError: the volume failed; carrying out again is safe.
        """


def perform(step: Step, verdict: Verdict, layout: Layout, journal: Journal, volume: VolumeView) -> None:
    """Carry a step out that is not done yet, and tell the journal of it.

    Args:
        verdict: of `Step.assess`.
        volume: as it was seen then.

    Raises:
        RefusedError, RetryError, OSError: as `Step.carry_out`; what it had built aside is removed.
    """
    said = {"key": step.key, "step": step.kind, "schoolYear": step.school_year}
    if verdict == "RecordEnd":
        journal.append("end", **said, message="an earlier run made it")
        return
    if not volume.history.begun(step.key):
        journal.append("begin", **said)
    try:
        message = step.carry_out(layout)
    except Exception:
        # The next run would sweep it too, and say so in the journal: a line for each of many tries.
        with contextlib.suppress(OSError):
            disk.remove_tree(layout.staging(step.school_year))
        raise
    journal.append("end", **said, message=message)


def present_base(step: Step, volume: VolumeView) -> Verdict | None:
    """The verdict of a step whose year has a folder already; None when there is none. A base that is there is kept.

    Raises:
        RefusedError: ``SchoolYearDamaged``: the folder holds no base.
    """
    folder = volume.year(step.school_year)
    if folder is None:
        return None
    if not folder.has_base:
        raise RefusedError(
            "SchoolYearDamaged",
            f"the folder of school year {step.school_year} holds {', '.join(folder.names[:5])} and no base; "
            "nothing is made over it",
        )
    interrupted = volume.history.begun(step.key) and volume.history.end_of(step.key) is None
    return "RecordEnd" if interrupted else "AlreadyDone"


def first_base(step: Step, volume: VolumeView) -> Verdict:
    """The verdict of a step that makes the very first base of a volume.

    An existing base of the year is kept; a base is never made on a volume that holds or ever held another.

    Raises:
        RefusedError: ``SchoolYearMissing`` or ``SchoolYearDamaged``.
    """
    there = present_base(step, volume)
    if there is not None:
        return there
    if volume.years or volume.history.years_made:
        raise RefusedError("SchoolYearMissing", missing_year(step.school_year, volume))
    return "CarryOut"


def missing_year(school_year: int, volume: VolumeView) -> str:
    """Say that a year is not on a volume, and what is."""
    present = ", ".join(str(year) for year in volume.years_present) or "none"
    text = f"school year {school_year} is not on the volume; years present: {present}"
    made = ", ".join(str(year) for year in volume.history.years_made)
    return f"{text}; the journal says that a base was made for: {made}" if made else text


def steps_of(plan: DataPlan, places: Places, volume: VolumeView) -> tuple[Step, ...]:
    """The steps that a plan asks for, in the order of carrying out.

    The source makes the very first base of a volume, and has no part in a turn of the year.
    """
    history, year = volume.history, plan.school_year
    first: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()
    if year_in_service(history) is not None:
        from pronote_operator.prepare.turn import PutAway, YearInService

        first = tuple(PutAway(other, history) for other in years_to_put_away(plan, history))
        last = (YearInService(year, history),)
    if plan.new_year is None or not (volume.years or history.years_made):
        return (*first, *_source_steps(plan, places, volume), *last)
    from pronote_operator.prepare.new_year import NewYearBase
    from pronote_operator.prepare.turn import Turn

    past = plan.new_year.past
    made, turn = NewYearBase(plan.uai, year, past, Layout(places.volume), history), Turn(year, past, history)
    # A turn tells of the change itself.
    return (*first, made, turn, *(last if is_turned_to(history, year) else ()))


def _source_steps(plan: DataPlan, places: Places, volume: VolumeView) -> tuple[Step, ...]:
    folder = volume.year(plan.school_year)
    if folder is not None and folder.has_base and volume.history.was_restored(plan.school_year):
        # A restore has put another base in place of what the source made: nothing is added to that one.
        return ()
    if plan.source.hnot is not None:
        from pronote_operator.prepare.hnot import hnot_steps

        return hnot_steps(plan, plan.source.hnot, places)
    if plan.source.snapshot is not None:
        from pronote_operator.prepare.snapshot_source import SnapshotBase

        return (SnapshotBase(plan, plan.source.snapshot, places),)
    from pronote_operator.prepare.empty import EmptyBase

    empty = plan.source.empty
    assert empty is not None
    return (EmptyBase(plan.uai, plan.school_year, empty.slot_minutes, empty.day_start, empty.day_end),)
