"""Snapshots are taken once, told, extracted as they were, and deleted."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from pronote_operator.snapshots import Reason, Repository, SnapshotError
from tests.volumes.snapshots.conftest import (
    EVENING,
    MORNING,
    NIGHT,
    NOON,
    PUPILS,
    TAKEN,
    UAI,
    School,
    content,
    processes_of,
)


def test_before_the_first_snapshot_there_is_none_and_nothing_is_made(school: School) -> None:
    repository = school.repository()
    assert repository.snapshots() == ()
    repository.delete([MORNING])
    repository.compact()
    assert not school.repository_folder.exists()


def test_a_snapshot_tells_what_it_is_of(school: School) -> None:
    taken = school.take(MORNING)
    assert (taken.name, taken.kind, taken.uai) == (MORNING, "Backup", UAI)
    assert (taken.school_year, taken.version, taken.taken) == (2026, "2026.2.5", TAKEN)
    assert taken.size_bytes == school.base.stat().st_size
    assert 0.5 * taken.size_bytes < taken.stored_bytes < 1.1 * taken.size_bytes
    assert (taken.damaged, taken.annexes, taken.verified) == (False, False, None)


def test_an_unchanged_page_is_not_stored_again(stored: School) -> None:
    night = stored.repository().find(NIGHT)
    assert night.stored_bytes < 60_000, "three pages, the annexes, and what borg writes for itself"


def test_a_slot_taken_twice_is_one_snapshot(stored: School) -> None:
    before = stored.repository().snapshots()
    stored.rewrite()
    again = stored.take(MORNING)
    assert again in before
    assert stored.repository().snapshots() == before


def test_a_slot_taken_twice_is_one_snapshot_also_when_the_catalogue_is_lost(stored: School) -> None:
    (stored.snapshots / "catalogue.json").unlink()
    stored.take(MORNING)
    assert sorted(snapshot.name for snapshot in stored.repository().snapshots()) == [NIGHT, MORNING]


def test_snapshots_say_what_they_are_without_the_catalogue(stored: School) -> None:
    known = stored.repository().snapshots()
    (stored.snapshots / "catalogue.json").unlink()
    told = stored.repository().snapshots()
    assert [(found.name, found.taken, found.uai, found.size_bytes) for found in told] == [
        (found.name, found.taken, found.uai, found.size_bytes) for found in known
    ]


def test_listing_what_did_not_change_runs_no_borg(stored: School) -> None:
    began = time.process_time(), os.times().children_user
    assert len(stored.repository().snapshots()) == 2
    assert os.times().children_user == began[1]


def test_an_archive_is_extracted_as_it_was(stored: School, tmp_path: Path) -> None:
    snapshot = stored.repository().extract(NIGHT, tmp_path / "out")
    assert snapshot.annexes
    assert content(tmp_path / "out") == {
        "base.sqlite": stored.base.read_bytes(),
        **{f"annexes/{name}": data for name, data in content(stored.annexes).items()},
    }
    assert stat.S_IMODE((tmp_path / "out" / "base.sqlite").stat().st_mode) == 0o600


def test_a_backup_is_the_base_alone(stored: School, tmp_path: Path) -> None:
    stored.repository().extract(MORNING, tmp_path / "out")
    assert set(content(tmp_path / "out")) == {"base.sqlite"}


def test_an_archive_of_a_school_without_annexes_is_one(school: School, tmp_path: Path) -> None:
    assert school.take(NIGHT, annexes=school.root / "nothing").annexes
    school.repository().extract(NIGHT, tmp_path / "out")
    assert set(content(tmp_path / "out")) == {"base.sqlite"}


def test_nothing_that_is_there_is_replaced_by_an_extraction(stored: School, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "base.sqlite").write_text("mine")
    with pytest.raises(FileExistsError):
        stored.repository().extract(MORNING, tmp_path / "out")
    assert (tmp_path / "out" / "base.sqlite").read_text() == "mine"


def test_a_link_among_the_annexes_is_left_out(school: School, tmp_path: Path) -> None:
    (school.annexes / "link").symlink_to("/etc/passwd")
    os.mkfifo(school.annexes / "pipe")
    os.link(school.annexes / "lettre.txt", school.annexes / "twin.txt")
    school.take(NIGHT, annexes=school.annexes)
    school.repository().extract(NIGHT, tmp_path / "out")
    assert set(content(tmp_path / "out" / "annexes")) == {"lettre.txt", "twin.txt", "photos/6A/élève 1.jpg"}
    assert (tmp_path / "out" / "annexes" / "twin.txt").read_text() == "Bonjour"


def test_a_missing_snapshot_and_a_missing_base_are_told(stored: School, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError) as missing:
        stored.repository().extract(NOON, tmp_path / "out")
    assert missing.value.reason is Reason.SNAPSHOT_MISSING
    stored.base.unlink()
    with pytest.raises(SnapshotError) as failed:
        stored.take(NOON)
    assert failed.value.reason is Reason.CHECKPOINT_FAILED
    assert len(stored.repository().snapshots()) == 2


def test_a_verified_snapshot_has_its_pupils_counted_and_leaves_nothing_behind(stored: School, tmp_path: Path) -> None:
    found = stored.repository().verify(NIGHT, tmp_path / "scratch")
    assert found.pupils == PUPILS
    assert found.size_bytes == stored.repository().find(NIGHT).size_bytes
    assert stored.repository().find(NIGHT).verified is not None
    assert not (tmp_path / "scratch").exists()


def test_a_base_that_sqlite_finds_damaged_is_a_damaged_snapshot(school: School, tmp_path: Path) -> None:
    with school.base.open("r+b") as file:
        file.seek(40_960)
        file.write(b"\xff" * 200)
    school.take(MORNING)
    with pytest.raises(SnapshotError) as damaged:
        school.repository().verify(MORNING, tmp_path / "scratch")
    assert damaged.value.reason is Reason.SNAPSHOT_DAMAGED
    assert school.repository().find(MORNING).damaged


def test_a_base_without_pupils_is_verified_without_a_number(school: School, tmp_path: Path) -> None:
    school.base.unlink()
    connection = sqlite3.connect(school.base)
    connection.execute("CREATE TABLE other (id)")
    connection.close()
    school.take(MORNING)
    assert school.repository().verify(MORNING, tmp_path / "scratch").pupils is None


def test_deleted_snapshots_are_gone_and_their_room_comes_back(school: School) -> None:
    school.take(MORNING)
    school.rewrite()
    school.take(NOON)
    repository = school.repository()
    before = repository.repository_bytes
    repository.delete([MORNING, "sauvegarde-20200101T0000Z"])
    repository.compact()
    assert [snapshot.name for snapshot in repository.snapshots()] == [NOON]
    assert repository.repository_bytes < 0.6 * before


def test_a_wrong_key_opens_nothing_and_a_missing_one_is_told(stored: School, tmp_path: Path) -> None:
    stored.key.write_text("wrong horse")
    for action in (
        lambda: stored.take(NOON),
        lambda: stored.repository().extract(MORNING, tmp_path / "out"),
        lambda: stored.repository().delete([MORNING]),
    ):
        with pytest.raises(SnapshotError) as wrong:
            action()
        assert wrong.value.reason is Reason.KEY_WRONG
        assert "horse" not in wrong.value.message
        assert str(stored.key) not in wrong.value.message
    stored.key.unlink()
    with pytest.raises(SnapshotError) as missing:
        stored.repository().extract(MORNING, tmp_path / "out")
    assert missing.value.reason is Reason.KEY_WRONG
    stored.key.write_text("correct horse battery staple")
    assert len(stored.repository().snapshots()) == 2


def test_nothing_readable_lies_on_the_snapshots_volume(school: School) -> None:
    connection = sqlite3.connect(school.base)
    connection.execute("UPDATE pupils SET data = 'CanaryPupil'")
    connection.commit()
    connection.close()
    school.take(MORNING)
    found = b"".join(path.read_bytes() for path in school.snapshots.rglob("*") if path.is_file())
    assert b"CanaryPupil" not in found
    assert b"correct horse" not in found


def test_the_key_is_in_no_command_line_and_no_environment(school: School) -> None:
    seen: list[bytes] = []

    def look(_done: int, _total: int) -> None:
        for process in processes_of(school.repository_folder):
            seen.extend(Path(f"/proc/{process}/{name}").read_bytes() for name in ("cmdline", "environ"))

    school.take(MORNING, progress=look)
    assert seen, "borg was looked at while it worked"
    assert b"BORG_PASSPHRASE_FD" in b"".join(seen)
    assert b"correct horse" not in b"".join(seen)


def test_progress_comes_to_the_whole(school: School) -> None:
    told: list[tuple[int, int]] = []
    school.take(MORNING, progress=lambda done, total: told.append((done, total)))
    size = school.base.stat().st_size
    assert told
    assert all(0 <= done <= total == size for done, total in told)


def test_a_repository_on_a_volume_that_is_mounted_read_only_is_read(stored: School, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "--bind", str(stored.snapshots), str(mounted)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(mounted)], check=True)
        for state in ("as it was left", "left by a writer that was killed"):
            if state != "as it was left":
                (stored.snapshots / "catalogue.json").unlink()
                for file in (*stored.repository_folder.glob("index.*"), *stored.repository_folder.glob("hints.*")):
                    file.unlink()
            repository = Repository(mounted / "repository", stored.key, read_only=True)
            assert [snapshot.name for snapshot in repository.snapshots()] == [NIGHT, MORNING]
            repository.extract(NIGHT, tmp_path / state)
            assert content(tmp_path / state)["base.sqlite"] == stored.base.read_bytes()
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
    with pytest.raises(SnapshotError) as missing:
        Repository(tmp_path / "no" / "repository", stored.key, read_only=True).snapshots()
    assert missing.value.reason is Reason.REPOSITORY_MISSING


def test_a_second_process_is_told_that_the_repository_is_busy(stored: School) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pronote_operator.snapshots import Repository\n"
        "r = Repository(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "with r._store.work(): print('held', flush=True); time.sleep(60)\n"
    )
    words = ["python3", "-c", code, str(stored.repository_folder), str(stored.key)]
    other = subprocess.Popen(words, stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=":".join(_path())))
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(SnapshotError) as busy, stored.repository()._store._lock.held(wait_seconds=0.2):
            raise AssertionError("held twice")
        assert busy.value.reason is Reason.BUSY
    finally:
        other.kill()
        other.communicate()
    assert len(stored.repository().snapshots()) == 2


def test_a_cancelled_snapshot_is_none_and_leaves_no_process(school: School) -> None:
    cancelled = threading.Event()
    school.base.unlink()
    school.make_base(page_fill=150_000)
    with pytest.raises(SnapshotError) as ended:
        school.take(MORNING, school.repository(cancelled=cancelled), progress=lambda *_: cancelled.set())
    assert ended.value.reason is Reason.CANCELLED
    assert processes_of(school.repository_folder) == []
    assert school.take(EVENING).name == EVENING
    assert [snapshot.name for snapshot in school.repository().snapshots()] == [EVENING]


def test_what_is_remembered_is_valid_json_that_only_the_owner_reads(stored: School) -> None:
    file = stored.snapshots / "catalogue.json"
    assert json.loads(file.read_bytes())["v"] == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def _path() -> list[str]:
    import sys

    return [path for path in sys.path if path]
