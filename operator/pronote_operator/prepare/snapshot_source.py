"""``source.snapshot``: the very first base comes from a snapshot of another base, or of this one before it was lost.

The repository of another base is mounted read-only. A snapshot of another school or of another school year is refused:
what it holds would not be what the plan says.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pronote_operator.prepare import disk
from pronote_operator.prepare.outcome import RefusedError, RetryError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, SnapshotSource
from pronote_operator.prepare.sqlite import base_problem
from pronote_operator.prepare.steps import Verdict, first_base
from pronote_operator.prepare.stored import need_room, own_repository, source_repository, usable
from pronote_operator.prepare.volume import BASE_FILE, Layout, VolumeView
from pronote_operator.snapshots import Reason, Repository, SnapshotError, StoredSnapshot

_PASSING = (Reason.BUSY, Reason.TIMED_OUT)


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
            RefusedError: as `first_base`; or there is no such snapshot, it is not of this school and year, or the
                repository cannot be read.
            RetryError: the repository is in use.
        """
        verdict = first_base(self, volume)
        if verdict == "CarryOut":
            self._wanted(self._repository())
        return verdict

    def carry_out(self, layout: Layout) -> str:
        """Unpack aside, check, and rename: the folder of the year appears whole or not at all."""
        repository = self._repository()
        wanted = self._wanted(repository)
        need_room(layout.own, wanted.size_bytes, f"{wanted.name}, unpacked,")
        staging = layout.staging(self.school_year)
        disk.remove_tree(staging)
        disk.make_folder(staging)
        try:
            repository.extract(wanted.name, Path(staging))
        except SnapshotError as error:
            raise self._refusal(error) from error
        problem = base_problem(f"{staging}/{BASE_FILE}", self.plan.uai, self.school_year)
        if problem is not None:
            raise RefusedError("SnapshotDamaged", f"the base in {wanted.name} cannot be put in service: {problem}")
        # Onto an empty folder of that name, if there is one: rename(2) allows that, and nothing else, to be replaced.
        os.rename(staging, layout.year(self.school_year))
        disk.sync_folder(layout.years)
        disk.sync_folder(layout.own)
        return f"{wanted.name} of {self.source.base}"

    def _repository(self) -> Repository:
        if self.source.base == self.plan.name:
            return own_repository(self.places)
        return source_repository(self.places)

    def _wanted(self, repository: Repository) -> StoredSnapshot:
        try:
            return usable(repository.snapshots(), self.source.name, self.plan.uai, self.school_year, self.source.base)
        except SnapshotError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: SnapshotError) -> Exception:
        if error.reason in _PASSING:
            return RetryError(error.reason.value, error.message)
        text = f"{self.source.name} of {self.source.base} cannot be read: {error.message}"
        return RefusedError(error.reason.value, text)
