"""One run of prepare: look, decide, and only then write.

The archive of what was in service comes first; only a restore that is half way in place is brought to its end before,
for what is in service to be whole. Then comes a restore: it replaces whatever the source made or would make, and works
on a volume that the source has nothing to do with any more. Then come the steps of the source, or of a turn of the
year. What is refused writes nothing at all. What is accepted makes the volume's folders, takes possession of the volume
in the journal, sweeps what killed runs left, and carries out its steps. When there is nothing to do, nothing is written
either.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pronote_operator.prepare import disk
from pronote_operator.prepare.archive import ArchiveFirst, archive_due, served_until_now
from pronote_operator.prepare.journal import Journal
from pronote_operator.prepare.outcome import EXIT_IO, EXIT_OK, EXIT_REFUSED, Outcome, RefusedError, RetryError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan
from pronote_operator.prepare.restores import is_due, is_in_swap
from pronote_operator.prepare.steps import Step, Verdict, perform, steps_of
from pronote_operator.prepare.sweep import sweep
from pronote_operator.prepare.volume import Layout, VolumeView, lock, view

if TYPE_CHECKING:
    from pronote_operator.prepare.restores import Restored


def carry_out(plan: DataPlan, places: Places, now: Callable[[], str]) -> Outcome:
    """Make the data volume hold what the plan asks.

    Args:
        plan: of the base.
        places: of the volumes; only the data volume and the base's own snapshots are written to.
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
        changed: list[str] = []
        restored: Restored | None = None
        outcome = None
        try:
            archive = archive_due(plan, volume.history)
            if archive is not None and is_in_swap(volume.history):
                restored = _settled(plan.model_copy(update={"restore": None}), places, layout, volume, now)
                volume = view(layout)
            if archive is not None:
                first = ArchiveFirst(archive, plan.uai, served_until_now(plan, volume), places, now)
                _apply(plan, layout, volume, [(first, "CarryOut")], now)
                changed, volume = [first.key], view(layout)
            if is_due(plan, volume.history):
                restored = _settled(plan, places, layout, volume, now) or restored
                volume = view(layout)
            if restored is not None and restored.result == "Succeeded":
                changed.append("restored")
            changed += _carried_out(plan, places, layout, volume, now)
        except RefusedError as refused:
            if restored is None:
                raise
            outcome = Outcome("Refused", refused.reason, refused.message, EXIT_REFUSED)
        except RetryError as later:
            if restored is None:
                raise
            outcome = Outcome("Failed", later.reason, later.message, EXIT_IO)
    finally:
        os.close(guard)
    outcome = outcome or _prepared(plan, changed)
    return outcome if restored is None else replace(outcome, restored=restored)


def _prepared(plan: DataPlan, changed: list[str]) -> Outcome:
    if not changed:
        return Outcome("Unchanged", "AlreadyPresent", f"school year {plan.school_year} is present", EXIT_OK)
    done = ", ".join(changed)
    return Outcome("Done", "Prepared", f"school year {plan.school_year} is prepared ({done})", EXIT_OK)


def _settled(
    plan: DataPlan, places: Places, layout: Layout, volume: VolumeView, now: Callable[[], str]
) -> Restored | None:
    # Imports borg's side and SQLite: three times what a run with nothing to do takes.
    from pronote_operator.prepare.restore import settle

    _make_folders(layout)
    with _opened_journal(plan, layout, volume, now) as journal:
        return settle(plan, places, layout, volume, journal)


def _carried_out(
    plan: DataPlan, places: Places, layout: Layout, volume: VolumeView, now: Callable[[], str]
) -> list[str]:
    """Carry out the steps other than a restore; return the names of those that were not done yet."""
    verdicts = [(step, step.assess(volume)) for step in steps_of(plan, places, volume)]
    _apply(plan, layout, volume, verdicts, now)
    return [step.key for step, verdict in verdicts if verdict != "AlreadyDone"]


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
            perform(step, verdict, layout, journal, volume)


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
