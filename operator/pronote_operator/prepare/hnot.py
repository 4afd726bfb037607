"""``source.hnot``: the very first base comes from a file packed for hosting, with its annexes and users.

Everything that is still to be taken over is checked before anything is put in place. A base can only be checked once it
is unpacked: that happens aside, on the data volume, and is removed when any of the files is refused. Then the base,
each annex file and the users are put in place as steps of their own. Once all of them have ended, or when the volume
holds a base that is not from this source, the claim is not looked at any more, and may be gone.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104, PTH116
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.hnot_loading import BASE_KEY, PROFILS_KEY, Loading, annex_key
from pronote_operator.prepare.hnot_manifest import check_owner
from pronote_operator.prepare.hnot_profils import new_users, read_profils
from pronote_operator.prepare.hnot_tree import move, sync_files, unpack
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, HnotSource
from pronote_operator.prepare.steps import Step, Verdict, first_base
from pronote_operator.prepare.volume import BASE_FILE, NEW_USERS_FILE, Layout, VolumeView

ANNEXES: Final = "annexes"
"""Folder beside the base (instance contract)."""


@dataclass(frozen=True)
class _HnotStep:
    """What the steps have in common."""

    loading: Loading

    @property
    def kind(self) -> str:
        """See `Step`."""
        return "hnot"

    @property
    def school_year(self) -> int:
        """See `Step`."""
        return self.loading.plan.school_year


@dataclass(frozen=True)
class HnotBase(_HnotStep):
    """Make the very first base of a volume. The first step: it has everything checked."""

    @property
    def key(self) -> str:
        """See `Step`."""
        return BASE_KEY

    def assess(self, volume: VolumeView) -> Verdict:
        """See `first_base`. Beyond it, refuses the whole plan when one of the files is not good.

        Writes aside on the data volume, and removes that again when it refuses.
        """
        verdict = first_base(self, volume)
        others = [step for step in _others(self.loading) if self.loading.pending(volume, step.key)]
        if verdict == "CarryOut" or others:
            self.loading.check(volume, verdict)
        return verdict

    def carry_out(self, layout: Layout) -> str:
        """Put the checked base in place: the year's folder appears with it, in one rename."""
        with self.loading.unpacking(layout) as aside:
            size = os.stat(f"{aside}/year/{BASE_FILE}").st_size
            # Onto an empty folder of that name, if there is one: rename(2) lets nothing else be replaced.
            os.rename(f"{aside}/year", layout.year(self.school_year))
            disk.sync_folder(layout.years)
        return f"a base of {size} bytes from {self.loading.source.path}"


@dataclass(frozen=True)
class Annex(_HnotStep):
    """Put the files of one annex file beside the base."""

    path: str

    @property
    def key(self) -> str:
        """See `Step`."""
        return annex_key(self.path)

    def assess(self, volume: VolumeView) -> Verdict:
        """See `Loading.pending`."""
        return "CarryOut" if self.loading.pending(volume, self.key) else "AlreadyDone"

    def carry_out(self, layout: Layout) -> str:
        """Unpack everything aside, then move it into place: no file is ever there in part."""
        with self.loading.unpacking(layout) as aside:
            with self.loading.annex(self.path) as packed:
                kind, members = packed.manifest.kind, packed.manifest.members
                for member in members:
                    unpack(packed, member, aside)
            names = [member.name for member in members]
            sync_files(aside, names)
            year = layout.year(self.school_year)
            for folder in (f"{year}/{ANNEXES}", f"{year}/{ANNEXES}/{kind}"):
                disk.make_folder(folder)
            move(aside, f"{year}/{ANNEXES}/{kind}", names)
            for folder in (f"{year}/{ANNEXES}", year):
                disk.sync_folder(folder)
        return f"{_counted(len(names), 'file')} from {self.path}"


@dataclass(frozen=True)
class Profils(_HnotStep):
    """Hand the users over to the server, which takes them over at its start."""

    path: str

    @property
    def key(self) -> str:
        """See `Step`."""
        return PROFILS_KEY

    def assess(self, volume: VolumeView) -> Verdict:
        """See `Loading.pending`."""
        return "CarryOut" if self.loading.pending(volume, self.key) else "AlreadyDone"

    def carry_out(self, layout: Layout) -> str:
        """Put the request to the server beside the base."""
        profils = read_profils(self.loading.places.upload, self.path)
        check_owner(self.path, profils.uai, None, self.loading.owner)
        with self.loading.unpacking(layout) as aside:
            disk.write_new_file(f"{aside}/{NEW_USERS_FILE}", new_users(profils, self.school_year))
            move(aside, layout.year(self.school_year), [NEW_USERS_FILE])
        return f"{_counted(len(profils.users), 'user')} from {self.path}"


def hnot_steps(plan: DataPlan, source: HnotSource, places: Places) -> tuple[Step, ...]:
    """The base, then each annex file, then the users, each a step of its own."""
    loading = Loading(plan, source, places)
    return (HnotBase(loading), *_others(loading))


def _others(loading: Loading) -> tuple[Step, ...]:
    annexes = [Annex(loading, path) for path in loading.source.annexes]
    profils = [Profils(loading, loading.source.profils)] if loading.source.profils is not None else []
    return (*annexes, *profils)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
