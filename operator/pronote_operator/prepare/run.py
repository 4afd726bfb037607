"""One run of prepare: look, decide, and only then write.

A refused plan writes nothing at all. An accepted one makes the volume's folders, takes possession of the volume in the
journal, sweeps what killed runs left, and carries out its steps. When there is nothing to do, nothing is written
either.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import Journal
from pronote_operator.prepare.outcome import EXIT_OK, Outcome, RefusedError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan
from pronote_operator.prepare.steps import Step, Verdict, steps_of
from pronote_operator.prepare.volume import Layout, VolumeView, lock, view


def carry_out(plan: DataPlan, places: Places, now: Callable[[], str]) -> Outcome:
    """Make the data volume hold what the plan asks.

    Args:
        plan: of the base.
        places: of the volumes; the data volume is the only one that is written to.
        now: gives the time of a line of the journal, RFC 3339.

    Raises:
        RefusedError: the plan does not fit the volume; nothing was written.
        OSError: the volume failed; a further run continues.
    """
    if plan.restore is not None:
        raise RefusedError("RestoreNotSupported", "restore is not served yet")
    layout = Layout(places.volume)
    guard = lock(layout)
    try:
        volume = view(layout)
        _check_owner(plan, volume)
        verdicts = [(step, step.assess(volume)) for step in steps_of(plan, places)]
        _apply(plan, layout, volume, verdicts, now)
    finally:
        os.close(guard)
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
    created = [disk.make_folder(path) for path in (layout.years, layout.checkpoints, layout.own)]
    if any(created):
        disk.sync_folder(layout.root)
    waste = (*volume.leftovers, *volume.stale_checkpoints)
    todo = [(step, verdict) for step, verdict in verdicts if verdict != "AlreadyDone"]
    if volume.history.uai and not volume.history.torn and not waste and not todo:
        return
    journal = Journal(layout.journal, volume.history, now)
    try:
        if volume.history.uai is None:
            journal.append("identity", uai=plan.uai, namespace=plan.namespace, name=plan.name)
        if waste:
            _sweep(layout, waste, journal)
        for step, verdict in todo:
            said = {"key": step.key, "step": step.kind, "schoolYear": step.school_year}
            if verdict == "RecordEnd":
                journal.append("end", **said, message="an earlier run made it")
                continue
            if not volume.history.begun(step.key):
                journal.append("begin", **said)
            journal.append("end", **said, message=_built(step, layout))
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


def _sweep(layout: Layout, waste: tuple[str, ...], journal: Journal) -> None:
    names = [os.path.relpath(path, layout.root) for path in waste]
    journal.append("sweep", removed=names[:20], count=len(names))
    for path in waste:
        disk.remove_tree(path)
    for folder in (layout.own, layout.checkpoints):
        disk.sync_folder(folder)
