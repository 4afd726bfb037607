"""What a data volume holds, read without writing anything."""

from __future__ import annotations

import fcntl
import json
import os
import re
from dataclasses import dataclass
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import History, read_history

BASE_FILE: Final = "base.sqlite"
NEW_BASE_FILE: Final = "new-base.json"
"""Asks the server to make ``base.sqlite`` at its first start; one of the two must be in the folder of a school year."""

NEW_USERS_FILE: Final = "new-users.json"
"""Asks the server to take users over at its start."""

_YEAR: Final = re.compile(r"[0-9]{4}")
_LEFTOVER: Final = re.compile(r"(staging|safety|replaced)-[0-9]{4}(-[a-z]+)?")
"""What prepare itself builds before it is renamed into place, copies for a safety snapshot, or has replaced. Nothing
else in ``.prepare`` is ever removed."""


@dataclass(frozen=True)
class Layout:
    """Paths on a volume mounted at ``root``."""

    root: str

    @property
    def years(self) -> str:
        """One folder per school year; the server's PRONOTE_DATA."""
        return f"{self.root}/years"

    @property
    def checkpoints(self) -> str:
        """Copies that the server writes for a snapshot, and that the agent removes after it."""
        return f"{self.root}/checkpoints"

    @property
    def own(self) -> str:
        """The folder of prepare: the journal, and what is being built."""
        return f"{self.root}/.prepare"

    @property
    def journal(self) -> str:
        """The journal's file."""
        return f"{self.own}/journal.jsonl"

    def year(self, school_year: int) -> str:
        """The folder of one school year."""
        return f"{self.years}/{school_year}"

    def staging(self, school_year: int) -> str:
        """Where the folder of a school year is built."""
        return f"{self.own}/staging-{school_year}"

    def safety(self, school_year: int) -> str:
        """Where what is in service is copied for its safety snapshot."""
        return f"{self.own}/safety-{school_year}"

    def replaced(self, school_year: int) -> str:
        """Where a replaced folder of a school year is until it is removed."""
        return f"{self.own}/replaced-{school_year}"

    def put_away(self, school_year: int, number: int) -> str:
        """Where the folder of a year is kept that people worked in and that a roll went back from.

        Args:
            number: from 1; a year may be put away more than once.
        """
        return f"{self.own}/put-away-{school_year}" + ("" if number == 1 else f"-{number}")


@dataclass(frozen=True)
class YearFolder:
    """The folder of a school year and the names in it."""

    school_year: int
    names: tuple[str, ...]

    @property
    def has_base(self) -> bool:
        """Whether a server can be started on it."""
        return BASE_FILE in self.names or NEW_BASE_FILE in self.names


@dataclass(frozen=True)
class VolumeView:
    """A volume at the start of a run."""

    history: History
    years: tuple[YearFolder, ...]
    uais_asked: frozenset[str]
    """UAIs for which an empty base was asked and not made yet (in ``new-base.json``)."""
    leftovers: tuple[str, ...]
    """Paths that a killed run left."""
    stale_checkpoints: tuple[str, ...]
    """Paths of checkpoints. No snapshot can be running: the server and the agent start after prepare."""

    @property
    def waste(self) -> tuple[str, ...]:
        """What may be removed, unless a restore is being put in place."""
        return (*self.leftovers, *self.stale_checkpoints)

    def year(self, school_year: int) -> YearFolder | None:
        """The folder of a year, None when there is none or nothing in it."""
        return next((folder for folder in self.years if folder.school_year == school_year), None)

    @property
    def years_present(self) -> tuple[int, ...]:
        """School years whose folder holds anything."""
        return tuple(folder.school_year for folder in self.years)


def lock(layout: Layout) -> int:
    """Keep a second prepare (a pod forced away, a second node) off the volume until this process ends.

    Returns:
        A descriptor to keep open.

    Raises:
        BlockingIOError: another prepare holds it.
        OSError: the volume is not there.
    """
    descriptor = os.open(layout.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        # Some network filesystems lock no folders; ReadWriteOnce and the StatefulSet remain as guards there.
        pass
    return descriptor


def view(layout: Layout) -> VolumeView:
    """Look at a volume. An empty folder of a year counts as absent: nothing can be lost with it.

    Raises:
        RefusedError: the journal is damaged.
        OSError: the volume cannot be read.
    """
    folders = []
    uais = set()
    for name in disk.names_in(layout.years):
        if not _YEAR.fullmatch(name):
            continue
        names = disk.names_in(f"{layout.years}/{name}")
        if names:
            folders.append(YearFolder(int(name), names))
        if NEW_BASE_FILE in names:
            uais |= _uai_asked(f"{layout.years}/{name}/{NEW_BASE_FILE}")
    return VolumeView(
        history=read_history(layout.journal),
        years=tuple(folders),
        uais_asked=frozenset(uais),
        leftovers=tuple(f"{layout.own}/{name}" for name in disk.names_in(layout.own) if _LEFTOVER.fullmatch(name)),
        stale_checkpoints=tuple(f"{layout.checkpoints}/{name}" for name in disk.names_in(layout.checkpoints)),
    )


def _uai_asked(path: str) -> set[str]:
    try:
        asked = json.loads(disk.read_file(path) or b"{}")
    except ValueError:
        # Not written by prepare, which renames whole files into place: the server says what is wrong with it.
        return set()
    uai = asked.get("uai") if isinstance(asked, dict) else None
    return {uai} if isinstance(uai, str) else set()
