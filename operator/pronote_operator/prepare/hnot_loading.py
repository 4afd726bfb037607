"""Checks everything that ``source.hnot`` names, before any of it is put in place."""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH106, PTH119
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.hnot_manifest import BASE_MEMBER, AnnexManifest, BaseManifest, check_owner, shown
from pronote_operator.prepare.hnot_profils import new_users, read_profils
from pronote_operator.prepare.hnot_tree import sync_files, unpack
from pronote_operator.prepare.hnot_zip import Packed, opened
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, HnotSource
from pronote_operator.prepare.steps import Verdict
from pronote_operator.prepare.volume import BASE_FILE, Layout, VolumeView

BASE_KEY: Final = "hnot-base"
PROFILS_KEY: Final = "hnot-profils"

MAX_ALL_FILES: Final = 200_000
"""Annexes of one base, in all its annex files."""

MARGIN_BYTES: Final = 64 << 20
"""Room that a loaded base leaves free for its log, beside the room for one checkpoint of it."""

_SQLITE: Final = b"SQLite format 3\0"


def annex_key(path: str) -> str:
    """Name of the step that puts an annex file in place."""
    return f"hnot-annexe:{path}"


@dataclass
class Loading:
    """What the steps of one run share."""

    plan: DataPlan
    source: HnotSource
    places: Places
    aside: str = field(default="", init=False)
    """Where this run unpacks; of no use after it."""

    @property
    def owner(self) -> tuple[str, int]:
        """UAI and school year that every file must be of."""
        return self.plan.uai, self.plan.school_year

    def is_ours(self, volume: VolumeView) -> bool:
        """Whether the base that the volume holds came from this source."""
        return any(
            record["event"] == "begin"
            and record["key"] == BASE_KEY
            and record.get("schoolYear") == self.plan.school_year
            for record in volume.history.records
        )

    def check(self, volume: VolumeView, base: Verdict) -> None:
        """Check everything that is still to be taken over, once a run; leave the unpacked base aside, if it is wanted.

        Raises:
            RefusedError: one of the files is not good, or there is no room; nothing is left on the volume.
            OSError: volume or claim failed.
        """
        ended = {str(record["key"]) for record in volume.history.records if record["event"] == "end"}
        annexes = [path for path in self.source.annexes if annex_key(path) not in ended]
        profils = self.source.profils if PROFILS_KEY not in ended else None
        layout = Layout(self.places.volume)
        own_is_new = self._clear(layout)
        try:
            wanted = self._check_annexes(annexes)
            if profils is not None:
                found = read_profils(self.places.upload, profils)
                check_owner(profils, found.uai, None, self.owner)
                wanted += len(new_users(found, self.plan.school_year))
            if base == "CarryOut":
                self._unpack_base(layout, wanted)
            else:
                self.check_room(wanted, 0, self.source.annexes[0] if self.source.annexes else self.source.path)
        except BaseException:
            with contextlib.suppress(OSError):
                disk.remove_tree(self.aside)
                if own_is_new:
                    os.rmdir(layout.own)
            raise

    @contextlib.contextmanager
    def unpacking(self, layout: Layout) -> Iterator[str]:
        """Give the folder to unpack in, and remove it afterwards, also when something fails."""
        try:
            disk.make_folder(self.aside)
            yield self.aside
        except BaseException:
            with contextlib.suppress(OSError):
                disk.remove_tree(self.aside)
            raise
        disk.remove_tree(self.aside)
        disk.sync_folder(layout.own)

    def _clear(self, layout: Layout) -> bool:
        """Remove what a killed run left, before room is counted; return whether the folder of prepare was made."""
        usual, other = (f"{layout.staging(self.plan.school_year)}-{word}" for word in ("hnot", "hnotagain"))
        names = disk.names_in(layout.own)
        # Not the name of what was left: that is on the list of what this run sweeps later.
        self.aside = other if os.path.basename(usual) in names else usual
        for path in (usual, other):
            disk.remove_tree(path)
        return disk.make_folder(layout.own)

    def _check_annexes(self, paths: list[str]) -> int:
        taken = _Names()
        size = 0
        for path in paths:
            with self.annex(path) as packed:
                for member in packed.manifest.members:
                    other = taken.add(f"{packed.manifest.kind}/{member.name}", path)
                    if other is not None:
                        why = f"the member {shown(member.name)} would take the place of one of {other}"
                        raise RefusedError("HnotInvalid", f"{path} is not valid: {why}")
                    packed.read(member, lambda _piece: None)
                size += packed.manifest.size_bytes
            if len(taken.files) > MAX_ALL_FILES:
                raise RefusedError("HnotTooLarge", f"{path}: there are more than {MAX_ALL_FILES} annexes in all")
        return size

    def _unpack_base(self, layout: Layout, others: int) -> None:
        path = self.source.path
        with opened(self.places.upload, path, BaseManifest) as packed:
            manifest = packed.manifest
            check_owner(path, manifest.uai, manifest.school_year, self.owner)
            member = manifest.members[0]
            if member.name != BASE_MEMBER:
                raise RefusedError("HnotInvalid", f"{path} is not valid: its member must be {BASE_MEMBER}")
            self.check_room(others + member.size_bytes, member.size_bytes, path)
            disk.make_folder(self.aside)
            folder = f"{self.aside}/year"
            disk.make_folder(folder)
            unpack(packed, member, folder)
        sync_files(folder, [BASE_FILE])
        disk.sync_folder(folder)
        problem = _base_problem(f"{folder}/{BASE_FILE}", self.owner)
        if problem:
            raise RefusedError("HnotInvalid", f"{path} is not valid: {BASE_MEMBER}: {problem}")

    def check_room(self, wanted: int, checkpoint: int, path: str) -> None:
        """Refuse what would leave no room to work in.

        Args:
            wanted: bytes to be unpacked.
            checkpoint: bytes of a checkpoint of the base: a base without room for one could never be saved.
            path: of the file to name.
        """
        room = os.statvfs(self.places.volume)
        free = room.f_bavail * room.f_frsize
        needed = wanted + checkpoint + MARGIN_BYTES
        if needed > free:
            raise RefusedError(
                "HnotTooLarge",
                f"{path}: {needed} bytes are needed with annexes and one checkpoint, the data volume has {free} free: "
                "raise spec.storage.size",
            )

    @contextlib.contextmanager
    def annex(self, path: str) -> Iterator[Packed[AnnexManifest]]:
        """Open an annex file of this school and year."""
        with opened(self.places.upload, path, AnnexManifest) as packed:
            check_owner(path, packed.manifest.uai, packed.manifest.school_year, self.owner)
            yield packed

    def pending(self, volume: VolumeView, key: str) -> bool:
        """Whether a step beside the base is still to be carried out."""
        folder = volume.year(self.plan.school_year)
        if folder is not None and folder.has_base and not self.is_ours(volume):
            return False
        return volume.history.end_of(key) is None


@dataclass
class _Names:
    """Names of files, and of the folders that they are in, with the annex file that each comes from."""

    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, path: str) -> str | None:
        """Add a name; return the annex file that has it, or one that cannot be beside it, already."""
        parts = name.split("/")
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        for other in (self.files.get(name), self.folders.get(name), *(self.files.get(folder) for folder in above)):
            if other is not None:
                return other
        self.files[name] = path
        self.folders |= dict.fromkeys(above, path)
        return None


def _base_problem(path: str, owner: tuple[str, int]) -> str | None:
    # An empty file, too, is a base to SQLite.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if os.read(descriptor, len(_SQLITE)) != _SQLITE:
            return "it is no SQLite file"
    finally:
        os.close(descriptor)
    from pronote_operator.prepare.sqlite import base_problem

    return base_problem(path, *owner)
