"""Reads the snapshot that `snapshot_source` makes a base from. Imported only when one is to be made."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pronote_operator.prepare import disk
from pronote_operator.prepare.outcome import RefusedError, RetryError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, SnapshotSource
from pronote_operator.prepare.sqlite import base_problem
from pronote_operator.prepare.stored import need_room, own_repository, source_repository, usable
from pronote_operator.prepare.volume import BASE_FILE, Layout
from pronote_operator.snapshots import Reason, Repository, SnapshotError, StoredSnapshot

_PASSING = (Reason.BUSY, Reason.TIMED_OUT)


def check_there(plan: DataPlan, source: SnapshotSource, places: Places) -> None:
    """Look the snapshot up.

    Raises:
        RefusedError: there is no such snapshot, it is not of this school and year, or the repository cannot be read.
        RetryError: the repository is in use.
    """
    with contextlib.closing(_repository(plan, source, places)) as repository:
        _wanted(plan, source, repository)


def unpack(plan: DataPlan, source: SnapshotSource, places: Places, layout: Layout) -> StoredSnapshot:
    """Unpack the snapshot into ``Layout.staging`` and check its base.

    Raises:
        RefusedError: as `check_there`; or there is no room, or it is damaged.
        RetryError: the repository is in use.
        OSError: the data volume failed.
    """
    staging = layout.staging(plan.school_year)
    with contextlib.closing(_repository(plan, source, places)) as repository:
        wanted = _wanted(plan, source, repository)
        need_room(layout.own, wanted.size_bytes, f"{wanted.name}, unpacked,")
        disk.remove_tree(staging)
        disk.make_folder(staging)
        try:
            repository.extract(wanted.name, Path(staging))
        except SnapshotError as error:
            raise _refusal(source, error) from error
    problem = base_problem(f"{staging}/{BASE_FILE}", plan.uai, plan.school_year)
    if problem is not None:
        raise RefusedError("SnapshotDamaged", f"the base in {wanted.name} cannot be put in service: {problem}")
    return wanted


def _repository(plan: DataPlan, source: SnapshotSource, places: Places) -> Repository:
    return own_repository(places) if source.base == plan.name else source_repository(places)


def _wanted(plan: DataPlan, source: SnapshotSource, repository: Repository) -> StoredSnapshot:
    try:
        return usable(repository.snapshots(), source.name, plan.uai, plan.school_year, source.base)
    except SnapshotError as error:
        raise _refusal(source, error) from error


def _refusal(source: SnapshotSource, error: SnapshotError) -> Exception:
    if error.reason in _PASSING:
        return RetryError(error.reason.value, error.message)
    return RefusedError(error.reason.value, f"{source.name} of {source.base} cannot be read: {error.message}")
