"""One run of prepare: look, decide, and only then write.

A restore comes first: it replaces whatever the source made or would make, and works on a volume that the source has
nothing to do with any more. Then come the steps of the source, or of a turn of the year. What is refused writes nothing
at all. What is accepted makes the volume's folders, takes possession of the volume in the journal, sweeps what killed
runs left, and carries out its steps. When there is nothing to do, nothing is written either.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import Journal
from pronote_operator.prepare.outcome import EXIT_OK, EXIT_REFUSED, Outcome, RefusedError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan
from pronote_operator.prepare.restores import is_due
from pronote_operator.prepare.steps import Step, Verdict, steps_of
from pronote_operator.prepare.sweep import sweep
from pronote_operator.prepare.volume import Layout, VolumeView, lock, view

if TYPE_CHECKING:
    from pronote_operator.prepare.restores import Restored


def carry_out(plan: DataPlan, places: Places, now: Callable[[], str]) -> Outcome:
    """Make the data volume hold what the plan asks.

    Args:
        plan: of the base.
        places: of the volumes; the data volume is the only one that is written to.
        now: gives the time of a line of the journal, RFC 3339.

    Raises:
        RefusedError: the plan does not fit the volume; nothing was written.
        RetryError: something is in use; a further run continues.
        OSError: the volume failed; likewise.
    """
    layout = Layout(places.volume)
    guard = lock(layout)
    try:
        volume = view(layout)
        _check_owner(plan, volume)
        restored = None
        if is_due(plan, volume.history):
            restored = _settled(plan, places, layout, volume, now)
            volume = view(layout)
        try:
            outcome = _sourced(plan, places, layout, volume, now)
        except RefusedError as refused:
            if restored is None:
                raise
            outcome = Outcome("Refused", refused.reason, refused.message, EXIT_REFUSED)
    finally:
        os.close(guard)
    if restored is None:
        return outcome
    if restored.result == "Succeeded" and outcome.exit_code == EXIT_OK:
        outcome = Outcome("Done", "Prepared", f"school year {plan.school_year} is prepared (restored)", EXIT_OK)
    return replace(outcome, restored=restored)


def _settled(
    plan: DataPlan, places: Places, layout: Layout, volume: VolumeView, now: Callable[[], str]
) -> Restored | None:
    # Imports borg's side and SQLite: three times what a run with nothing to do takes.
    from pronote_operator.prepare.restore import settle

    _make_folders(layout)
    with _opened_journal(plan, layout, volume, now) as journal:
        return settle(plan, places, layout, volume, journal)


def _sourced(plan: DataPlan, places: Places, layout: Layout, volume: VolumeView, now: Callable[[], str]) -> Outcome:
    verdicts = [(step, step.assess(volume)) for step in steps_of(plan, places, volume)]
    _apply(plan, layout, volume, verdicts, now)
    changed = [step for step, verdict in verdicts if verdict != "AlreadyDone"]
    if not changed:
        return Outcome("Unchanged", "AlreadyPresent", f"school year {plan.school_year} is present", EXIT_OK)
    done = ", ".join(step.key for step in changed)
    return Outcome("Done", "Prepared", f"school year {plan.school_year} is prepared ({done})", EXIT_OK)


def _check_owner(plan: DataPlan, volume: VolumeView) -> None:
    owners = volume.uais_asked | ({volume.history.uai} if volume.history.uai else set())
    others = sorted(owners - {plan.uai})
    if others:
        raise RefusedError("UaiMismatch", f"the volume belongs to {', '.join(others)}; the plan is for {plan.uai}")


def _apply(
    plan: DataPlan, layout: Layout, volume: VolumeView, verdicts: list[tuple[Step, Verdict]], now: Callable[[], str]
) -> None:
    _make_folders(layout)
    todo = [(step, verdict) for step, verdict in verdicts if verdict != "AlreadyDone"]
    if volume.history.uai and not volume.history.torn and not volume.waste and not todo:
        return
    with _opened_journal(plan, layout, volume, now) as journal:
        sweep(layout, volume, journal)
        for step, verdict in todo:
            said = {"key": step.key, "step": step.kind, "schoolYear": step.school_year}
            if verdict == "RecordEnd":
                journal.append("end", **said, message="an earlier run made it")
                continue
            if not volume.history.begun(step.key):
                journal.append("begin", **said)
            journal.append("end", **said, message=_built(step, layout))


def _make_folders(layout: Layout) -> None:
    created = [disk.make_folder(path) for path in (layout.years, layout.checkpoints, layout.own)]
    if any(created):
        disk.sync_folder(layout.root)


@contextlib.contextmanager
def _opened_journal(plan: DataPlan, layout: Layout, volume: VolumeView, now: Callable[[], str]) -> Iterator[Journal]:
    """The journal, in which the volume belongs to the school of the plan."""
    journal = Journal(layout.journal, volume.history, now)
    try:
        if volume.history.uai is None:
            journal.append("identity", uai=plan.uai, namespace=plan.namespace, name=plan.name)
        yield journal
    finally:
        journal.close()


def _built(step: Step, layout: Layout) -> str:
    try:
        return step.carry_out(layout)
    except Exception:
        # The next run would sweep it too, and say so in the journal: a line for each of many tries.
        with contextlib.suppress(OSError):
            disk.remove_tree(layout.staging(step.school_year))
        raise
