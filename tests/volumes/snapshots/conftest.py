"""A school's base, its checkpoints and annexes, and a repository over the real borg."""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.snapshots import Repository, StoredSnapshot

UAI = "0750654D"
PUPILS = 300
MORNING, NOON, EVENING = (f"sauvegarde-20261124T{hour:02d}00Z" for hour in (8, 12, 18))
NIGHT = "archive-20261124T0130Z"
TAKEN = dt.datetime(2026, 11, 24, 8, 0, 1, tzinfo=dt.UTC)


@dataclass
class School:
    """The folders of one base."""

    root: Path
    random: random.Random

    @property
    def snapshots(self) -> Path:
        """The snapshots volume."""
        return self.root / "snapshots"

    @property
    def repository_folder(self) -> Path:
        """The repository in it."""
        return self.snapshots / "repository"

    @property
    def key(self) -> Path:
        """The file with the key."""
        return self.root / "key"

    @property
    def checkpoint(self) -> Path:
        """The folder of a checkpoint."""
        return self.root / "checkpoint"

    @property
    def base(self) -> Path:
        """The base in it."""
        return self.checkpoint / "base.sqlite"

    @property
    def annexes(self) -> Path:
        """The folder of the annexes."""
        return self.root / "years" / "2026" / "annexes"

    @property
    def segments(self) -> list[Path]:
        """The repository's files of data, oldest first."""
        found = (path for path in (self.repository_folder / "data").rglob("*") if path.is_file())
        return sorted(found, key=lambda path: int(path.name))

    @property
    def largest_segment(self) -> Path:
        """The one with the pages of the first snapshot."""
        return max(self.segments, key=lambda path: path.stat().st_size)

    def repository(self, **options: Any) -> Repository:
        """A new object for the repository, as a new process would have."""
        return Repository(self.repository_folder, self.key, **options)

    def take(self, name: str, repository: Repository | None = None, **changes: Any) -> StoredSnapshot:
        """Take a snapshot of the base as it is."""
        options: dict[str, Any] = {
            "base": self.checkpoint,
            "annexes": None,
            "uai": UAI,
            "school_year": 2026,
            "version": "2026.2.5",
            "taken": TAKEN,
        }
        return (repository or self.repository()).take(name, **(options | changes))

    def make_base(self, page_fill: int = 1500) -> None:
        """Make a base with pupils; no two of its pages are the same."""
        connection = sqlite3.connect(self.base)
        connection.execute("CREATE TABLE pupils (id INTEGER PRIMARY KEY, data BLOB)")
        rows = [(number, self.random.randbytes(page_fill)) for number in range(PUPILS)]
        connection.executemany("INSERT INTO pupils VALUES (?, ?)", rows)
        connection.commit()
        connection.close()

    def rewrite(self, pupils: int = PUPILS) -> None:
        """Change the data of some pupils."""
        connection = sqlite3.connect(self.base)
        rows = [(self.random.randbytes(1500), number) for number in range(pupils)]
        connection.executemany("UPDATE pupils SET data = ? WHERE id = ?", rows)
        connection.commit()
        connection.close()


def flip(path: Path, part: float = 0.5) -> int:
    """Flip a byte of a file; return where."""
    content = bytearray(path.read_bytes())
    place = int(len(content) * part)
    content[place] ^= 0x55
    path.write_bytes(content)
    return place


def flip_back(path: Path, place: int) -> None:
    """Undo `flip`."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    path.write_bytes(content)


def make_school(root: Path) -> School:
    """A school with a base and annexes, and no repository yet."""
    school = School(root, random.Random(20261124))
    for folder in (school.snapshots, school.checkpoint, school.annexes / "photos" / "6A"):
        folder.mkdir(parents=True)
    school.key.write_text("correct horse battery staple\n")
    school.make_base()
    (school.annexes / "photos" / "6A" / "élève 1.jpg").write_bytes(school.random.randbytes(20_000))
    (school.annexes / "lettre.txt").write_text("Bonjour")
    return school


@pytest.fixture
def school(tmp_path: Path) -> School:
    """A school without a repository yet."""
    return make_school(tmp_path)


@pytest.fixture(scope="session")
def _stored(tmp_path_factory: pytest.TempPathFactory) -> School:
    school = make_school(tmp_path_factory.mktemp("stored"))
    school.take(MORNING)
    school.rewrite(3)
    school.take(NIGHT, annexes=school.annexes)
    return school


@pytest.fixture
def stored(_stored: School, tmp_path: Path) -> School:
    """A school with a backup and, after a little change, an archive: a copy that tests may damage."""
    shutil.copytree(_stored.root, tmp_path / "school")
    return School(tmp_path / "school", random.Random(20261125))


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[School]:
    """A school whose snapshots volume has 96 MB."""
    school = make_school(tmp_path / "small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "snapshots", str(school.snapshots)], check=True)
    try:
        yield school
    finally:
        subprocess.run(["umount", "--lazy", str(school.snapshots)], check=True)


def content(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def processes_of(folder: Path) -> list[int]:
    """Processes of borg that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"borg" in words and os.fsencode(folder) in words:
                found.append(int(entry.name))
    return found
