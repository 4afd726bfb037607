"""What is killed, or finds no room, leaves nothing half done, and the next one works."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pronote_operator.snapshots import Reason, SnapshotError
from tests.volumes.snapshots.conftest import EVENING, MORNING, NIGHT, NOON, School, processes_of

TAKING = """
import datetime as dt, sys
from pathlib import Path
from pronote_operator.snapshots import Repository
root = Path(sys.argv[1])
def progress(done, total):
    print(done, flush=True)
Repository(root / "snapshots/repository", root / "key").take(
    sys.argv[2], base=root / "checkpoint", annexes=None, uai="0750654D", school_year=2026, version="1",
    taken=dt.datetime.now(dt.UTC), progress=progress)
"""


def taking(school: School, name: str) -> subprocess.Popen[bytes]:
    """A process that takes a snapshot and tells its progress."""
    environment = dict(os.environ, PYTHONPATH=":".join(path for path in sys.path if path))
    return subprocess.Popen(
        [sys.executable, "-c", TAKING, str(school.root), name], stdout=subprocess.PIPE, env=environment
    )


def gone(school: School) -> None:
    """Wait until no borg works on the school's repository."""
    deadline = time.monotonic() + 10
    while processes_of(school.repository_folder):
        assert time.monotonic() < deadline, "borg outlived the process that it worked for"
        time.sleep(0.05)


def test_a_process_killed_in_the_middle_takes_borg_with_it_and_the_next_one_works(stored: School) -> None:
    stored.rewrite()
    process = taking(stored, NOON)
    assert process.stdout is not None
    assert process.stdout.readline(), "it is storing"
    process.kill()
    process.communicate()
    gone(stored)
    stored.take(NOON)
    assert sorted(snapshot.name for snapshot in stored.repository().snapshots()) == [NIGHT, MORNING, NOON]
    assert stored.repository().verify(NOON, stored.root / "scratch").pupils


def test_a_lock_of_a_borg_that_was_killed_is_broken(stored: School) -> None:
    stored.rewrite()
    process = taking(stored, NOON)
    assert process.stdout is not None
    process.stdout.readline()
    for number in processes_of(stored.repository_folder):
        os.kill(number, signal.SIGSTOP)
    locks = list(stored.repository_folder.glob("lock.*"))
    process.kill()
    process.communicate()
    gone(stored)
    assert locks, "borg held its lock"
    assert list(stored.repository_folder.glob("lock.*")), "and left it"
    stored.take(EVENING)
    assert not list(stored.repository_folder.glob("lock.exclusive"))


def test_a_lock_of_a_borg_that_lives_is_respected(stored: School) -> None:
    folder = stored.repository_folder / "lock.exclusive"
    folder.mkdir()
    living = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)  # borg"])
    try:
        import socket

        (folder / f"{socket.gethostname()}@123.{living.pid}-0").touch()
        with pytest.raises(SnapshotError) as busy:
            stored.take(NOON)
        assert busy.value.reason is Reason.BUSY
    finally:
        living.kill()
        living.wait()
    assert stored.take(NOON).name == NOON


def test_what_an_interrupted_borg_marked_is_no_snapshot_and_goes_with_the_next_deletion(stored: School) -> None:
    run = stored.repository()._store.run
    mark = f"{stored.repository_folder}::{NOON}.checkpoint"
    run("create", mark, "base.sqlite", folder=stored.checkpoint)
    assert sorted(snapshot.name for snapshot in stored.repository().snapshots()) == [NIGHT, MORNING]
    stored.repository().delete([])
    assert b"checkpoint" not in run("list", "--consider-checkpoints", str(stored.repository_folder)).output


def fill(folder: Path) -> Path:
    """Take all the room of a volume."""
    path = folder / "fill"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    assert not os.statvfs(folder).f_bavail
    return path


def test_a_full_volume_is_told_and_leaves_nothing_half_stored(small_volume: School) -> None:
    small_volume.take(MORNING)
    filling = fill(small_volume.snapshots)
    small_volume.rewrite()
    with pytest.raises(SnapshotError) as full:
        small_volume.take(NOON)
    assert full.value.reason is Reason.VOLUME_FULL
    assert [snapshot.name for snapshot in small_volume.repository().snapshots()] == [MORNING]
    filling.unlink()
    assert small_volume.take(NOON).name == NOON
    assert small_volume.repository().verify(MORNING, small_volume.root / "scratch").pupils


def test_on_a_full_volume_snapshots_are_read_and_deleted_and_then_there_is_room(small_volume: School) -> None:
    names = [f"sauvegarde-20261124T08{minute:02d}Z" for minute in range(8)]
    for name in names:
        small_volume.take(name)
        small_volume.rewrite()
    fill(small_volume.snapshots)
    with pytest.raises(SnapshotError) as full:
        small_volume.take(NOON)
    assert full.value.reason is Reason.VOLUME_FULL
    repository = small_volume.repository()
    repository.extract(names[0], small_volume.root / "out")
    assert repository.verify(names[0], small_volume.root / "scratch").pupils
    repository.delete(names[:7])
    repository.compact()
    assert [snapshot.name for snapshot in repository.snapshots()] == names[7:]
    assert small_volume.take(NOON).name == NOON


def test_a_volume_full_from_the_start_is_told_and_gets_a_repository_once_there_is_room(small_volume: School) -> None:
    filling = fill(small_volume.snapshots)
    with pytest.raises(SnapshotError) as full:
        small_volume.take(MORNING)
    assert full.value.reason is Reason.VOLUME_FULL
    filling.unlink()
    assert small_volume.take(MORNING).name == MORNING


def test_without_room_to_extract_nothing_is_tried(small_volume: School) -> None:
    small_volume.take(MORNING)
    fill(small_volume.snapshots)
    with pytest.raises(SnapshotError) as no_room:
        small_volume.repository().verify(MORNING, small_volume.snapshots / "scratch")
    assert no_room.value.reason is Reason.NO_ROOM
    assert not small_volume.repository().find(MORNING).damaged
