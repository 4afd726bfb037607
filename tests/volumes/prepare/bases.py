"""Small real bases, and a real borg repository with snapshots of them."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from pronote_operator.prepare.journal import restore_key
from pronote_operator.snapshots import Repository, StoredSnapshot
from tests.volumes.prepare.conftest import PLAN, Volume, make_volume

UAI, OTHER_UAI = "0750654D", "0210066H"
YEAR = 2026
VERSION = "2026.2.5"

BACKUP = "sauvegarde-20261124T0800Z"
ARCHIVE = "archive-20261124T0130Z"
OF_ANOTHER_SCHOOL = "archive-20261123T0130Z"
OF_ANOTHER_YEAR = "archive-20251123T0130Z"
NO_BASE = "archive-20261122T0130Z"
TORN = "archive-20261121T0130Z"
MISLABELLED = "archive-20261120T0130Z"
MISSING = "archive-20261119T0130Z"


def write_base(path: Path, mark: str, *, uai: str = UAI, school_year: int = YEAR, with_log: bool = False) -> None:
    """A base as the reference server makes it, as far as restores look; ``mark`` tells them apart.

    Args:
        with_log: the mark is in its log only, as when the server was killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    source = path.with_name("being-made")
    with contextlib.closing(sqlite3.connect(source, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("CREATE TABLE base (uai TEXT, school_year INTEGER)")
        base.execute("CREATE TABLE pupils (name TEXT)")
        base.execute("CREATE TABLE marks (mark TEXT)")
        base.execute("INSERT INTO base VALUES (?, ?)", (uai, school_year))
        base.executemany("INSERT INTO pupils VALUES (?)", [(f"pupil {number}",) for number in range(50)])
        base.execute("INSERT INTO marks VALUES (?)", ("older" if with_log else mark,))
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if with_log:
            base.execute("UPDATE marks SET mark = ?", (mark,))
            for suffix in ("-wal", "-shm"):
                shutil.copyfile(f"{source}{suffix}", f"{path}{suffix}")
        shutil.copyfile(source, path)
    source.unlink()
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").chmod(0o600)


def mark_of(path: Path) -> str:
    """The mark of a base, read on a copy so that nothing is written beside it."""
    aside = path.parent.parent.parent.parent / "read-aside.sqlite"
    for suffix in ("", "-wal"):
        Path(f"{aside}{suffix}").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{suffix}", f"{aside}{suffix}")
    with contextlib.closing(sqlite3.connect(aside)) as base:
        return str(base.execute("SELECT mark FROM marks").fetchone()[0])


@dataclass(frozen=True)
class School(Volume):
    """A data volume and a snapshots volume."""

    snapshots: Path
    key: Path

    def environment(self, plan: dict[str, object] | str) -> dict[str, str]:
        """What the pod template gives to prepare."""
        return {
            **super().environment(plan),
            "PRONOTE_SNAPSHOTS": str(self.snapshots),
            "PRONOTE_SNAPSHOT_KEY_FILE": str(self.key),
            "PRONOTE_SOURCE_SNAPSHOTS": str(self.root.parents[1] / "source"),
            "PRONOTE_SOURCE_KEY_FILE": str(self.root.parents[1] / "source-key"),
        }

    @property
    def year(self) -> Path:
        """The folder of the year in service."""
        return self.root / f"years/{YEAR}"

    @property
    def base(self) -> Path:
        """The base in service."""
        return self.year / "base.sqlite"

    @property
    def mark(self) -> str:
        """The mark of the base in service."""
        return mark_of(self.base)

    @property
    def annexes(self) -> dict[str, str]:
        """The annexes that are there, with their content."""
        folder = self.year / "annexes"
        return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*")) if file.is_file()}

    @property
    def repository(self) -> Repository:
        """The school's own repository."""
        return Repository(self.snapshots / "repository", self.key)

    @property
    def safeties(self) -> list[StoredSnapshot]:
        """The safety snapshots in it."""
        return [snapshot for snapshot in self.repository.snapshots() if snapshot.name.startswith("securite-")]

    def extracted(self, name: str) -> Path:
        """A folder with what is in a snapshot."""
        into = self.root.parent / "extracted" / "years" / name
        self.repository.extract(name, into)
        return into

    def restore(self, snapshot: str, request_id: str = "2026-11-24-a") -> int:
        """Run prepare with a request for a restore."""
        return self.prepare(restore_plan(snapshot, request_id))


def restore_plan(snapshot: str, request_id: str = "2026-11-24-a") -> dict[str, object]:
    """The usual plan with a request for a restore."""
    return {**PLAN, "restore": {"requestId": request_id, "snapshot": snapshot}}


def is_ended(school: School, request_id: str = "2026-11-24-a") -> bool:
    """Whether a request ended, by the journal."""
    return f"end {restore_key(request_id)}" in school.events


def make_repository(folder: Path) -> Path:
    """A snapshots volume with one snapshot of each sort, and its key beside it; nothing changes it later."""
    volume = folder / "snapshots"
    volume.mkdir(parents=True)
    (folder / "key").write_text("key of the tests")
    repository = Repository(volume / "repository", folder / "key")

    def take(name: str, mark: str, *, uai: str = UAI, year: int = YEAR) -> Path:
        source = folder / name
        write_base(source / "base.sqlite", mark, uai=uai, school_year=year)
        (source / "annexes/photos").mkdir(parents=True)
        (source / "annexes/photos/1.jpg").write_text(f"photo of {mark}")
        (source / "annexes/letter.txt").write_text(f"letter of {mark}")
        return source

    def store(source: Path, name: str, *, annexes: bool = True, uai: str = UAI, year: int = YEAR) -> None:
        taken = dt.datetime.strptime(name[-14:], "%Y%m%dT%H%MZ").replace(tzinfo=dt.UTC)
        repository.take(
            name,
            base=source,
            annexes=source / "annexes" if annexes else None,
            uai=uai,
            school_year=year,
            version=VERSION,
            taken=taken,
        )

    store(take(BACKUP, "backup"), BACKUP, annexes=False)
    store(take(ARCHIVE, "archive"), ARCHIVE)
    store(take(OF_ANOTHER_SCHOOL, "other"), OF_ANOTHER_SCHOOL, uai=OTHER_UAI)
    store(take(OF_ANOTHER_YEAR, "past"), OF_ANOTHER_YEAR, year=YEAR - 1)
    source = take(NO_BASE, "none")
    (source / "base.sqlite").write_bytes(b"this is no base" * 1000)
    store(source, NO_BASE)
    source = take(TORN, "torn")
    pages = bytearray((source / "base.sqlite").read_bytes())
    pages[2 * 4096 : 4 * 4096] = b"\xff" * 8192
    (source / "base.sqlite").write_bytes(pages)
    store(source, TORN)
    store(take(MISLABELLED, "other inside", uai=OTHER_UAI), MISLABELLED)
    return folder


def make_school(folder: Path, repository: Path | None, *, served: bool = True, with_log: bool = True) -> School:
    """A school with the base ``old`` in service (with a log, as of a killed server), two annexes and a further file."""
    volume = make_volume(folder)
    school = School(volume.root, volume.termination, folder / "snapshots", folder / "key")
    if repository is None:
        school.snapshots.mkdir()
        school.key.write_text("key of the tests")
    else:
        shutil.copytree(repository / "snapshots", school.snapshots, symlinks=True)
        shutil.copyfile(repository / "key", school.key)
    if served:
        school.prepare()
        (school.year / "new-base.json").unlink()
        write_base(school.base, "old", with_log=with_log)
        (school.year / "annexes/photos").mkdir(parents=True)
        (school.year / "annexes/photos/1.jpg").write_text("photo of old")
        (school.year / "annexes/own.txt").write_text("own of old")
        (school.year / ".server.lock").write_text("")
    return school
