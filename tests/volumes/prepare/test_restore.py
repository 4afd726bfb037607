"""Restores: what is in service afterwards, what was stored first, and what each failure leaves."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pronote_operator.prepare import stored
from pronote_operator.prepare.report import read_preparation
from tests.volumes.prepare.bases import (
    ARCHIVE,
    BACKUP,
    MISLABELLED,
    MISSING,
    NO_BASE,
    OF_ANOTHER_SCHOOL,
    OF_ANOTHER_YEAR,
    OTHER_UAI,
    TORN,
    YEAR,
    School,
    is_ended,
    make_school,
    mark_of,
    restore_plan,
    write_base,
)
from tests.volumes.prepare.conftest import PLAN
from tests.volumes.prepare.killing import tree


@pytest.fixture
def school(tmp_path: Path, repository: Path) -> School:
    """A school in service, whose server was killed."""
    return make_school(tmp_path / "school", repository)


def last_restore(school: School) -> dict[str, object]:
    """The newest restore that is told."""
    restores = read_preparation(str(school.root))["restores"]
    assert isinstance(restores, list)
    found: dict[str, object] = restores[-1]
    return found


def test_an_archive_takes_the_place_of_base_and_annexes_and_what_was_there_is_stored_first(school: School) -> None:
    assert school.restore(ARCHIVE) == 0
    assert school.mark == "archive"
    assert school.annexes == {"photos/1.jpg": "photo of archive", "letter.txt": "letter of archive"}
    assert sorted(path.name for path in school.year.iterdir()) == [".server.lock", "annexes", "base.sqlite"]
    assert sorted(path.name for path in (school.root / ".prepare").iterdir()) == ["journal.jsonl", "reserve"]
    (safety,) = school.safeties
    assert (safety.uai, safety.school_year, safety.version, safety.annexes) == ("0750654D", YEAR, "2026.2.5", True)
    inside = school.extracted(safety.name)
    assert mark_of(inside / "base.sqlite") == "old"
    assert (inside / "annexes/photos/1.jpg").read_text() == "photo of old"
    assert (inside / "annexes/own.txt").read_text() == "own of old"
    key = "restore-2026-11-24-a"
    assert school.events[-4:] == [f"begin {key}", f"safety {key}", f"swap {key}", f"end {key}"]
    assert (school.said["result"], school.said["reason"]) == ("Done", "Prepared")
    said = f"{ARCHIVE} is in service; {safety.name} holds what was in service"
    assert school.said["restore"] == {
        "requestId": "2026-11-24-a",
        "result": "Succeeded",
        "reason": "Restored",
        "message": said,
    }
    told = last_restore(school)
    assert told.pop("startedTime") <= told.pop("completedTime")  # type: ignore[operator]
    assert told == {
        "requestId": "2026-11-24-a",
        "snapshot": ARCHIVE,
        "safetySnapshot": safety.name,
        "result": "Succeeded",
        "reason": "Restored",
        "message": said,
    }


def test_a_backup_takes_the_place_of_the_base_and_the_annexes_stay(school: School) -> None:
    assert school.restore(BACKUP) == 0
    assert school.mark == "backup"
    assert school.annexes == {"own.txt": "own of old", "photos/1.jpg": "photo of old"}


def test_everything_that_was_put_in_place_is_private(school: School) -> None:
    assert school.restore(ARCHIVE) == 0
    modes = {path: entry.mode for path, entry in tree(school.year).items() if path != ".server.lock"}
    assert set(modes.values()) == {0o600, 0o700}


def test_the_same_request_never_runs_twice(school: School) -> None:
    school.restore(ARCHIVE)
    write_base(school.base, "written since")
    before = tree(school.root)
    for plan in (restore_plan(ARCHIVE), restore_plan(BACKUP), PLAN):
        assert school.prepare(plan) == 0
        assert school.said["result"] == "Unchanged"
        assert "restore" not in school.said
    assert tree(school.root) == before


def test_a_new_request_restores_the_same_snapshot_again(school: School) -> None:
    school.restore(ARCHIVE)
    write_base(school.base, "written since")
    assert school.restore(ARCHIVE, "2026-11-25-b") == 0
    assert school.mark == "archive"
    assert len(school.safeties) == 2
    assert mark_of(school.extracted(school.safeties[-1].name) / "base.sqlite") == "written since"


def test_what_was_in_service_comes_back_from_its_safety_snapshot(school: School) -> None:
    school.restore(ARCHIVE)
    assert school.restore(school.safeties[0].name, "back") == 0
    assert school.mark == "old"
    assert school.annexes == {"own.txt": "own of old", "photos/1.jpg": "photo of old"}


@pytest.mark.parametrize(
    ("snapshot", "reason", "words"),
    [
        (MISSING, "SnapshotMissing", (MISSING, "jean-moulin", BACKUP, ARCHIVE)),
        (OF_ANOTHER_SCHOOL, "UaiMismatch", (OF_ANOTHER_SCHOOL, OTHER_UAI, "0750654D")),
        (OF_ANOTHER_YEAR, "SchoolYearMismatch", (OF_ANOTHER_YEAR, "2025", "2026", "spec.schoolYear.pin")),
        (NO_BASE, "SnapshotDamaged", (NO_BASE, "not a database")),
        (TORN, "SnapshotDamaged", (TORN,)),
        (MISLABELLED, "SnapshotDamaged", (MISLABELLED, OTHER_UAI)),
    ],
)
def test_a_snapshot_that_is_not_fit_leaves_everything_as_it_was(
    school: School, snapshot: str, reason: str, words: tuple[str, ...]
) -> None:
    before = tree(school.root, ".prepare/journal.jsonl")
    assert school.restore(snapshot) == 0
    assert tree(school.root, ".prepare/journal.jsonl") == before
    assert school.said["result"] == "Unchanged"
    assert (school.said["restore"]["result"], school.said["restore"]["reason"]) == ("Failed", reason)
    told = last_restore(school)
    assert (told["result"], told["reason"]) == ("Failed", reason)
    assert all(word in str(told["message"]) for word in words), told["message"]
    assert school.restore(snapshot) == 0
    assert "restore" not in school.said


def without_repository(school: School) -> None:
    shutil.rmtree(school.snapshots / "repository")


def with_another_key(school: School) -> None:
    school.key.write_text("another")
    (school.snapshots / "catalogue.json").unlink()


def without_key(school: School) -> None:
    school.key.unlink()


def with_truncated_data(school: School) -> None:
    for segment in (school.snapshots / "repository/data").rglob("*"):
        if segment.is_file():
            os.truncate(segment, min(segment.stat().st_size, 60))


@pytest.mark.parametrize("harm", [without_repository, with_another_key, without_key, with_truncated_data])
def test_a_repository_that_cannot_be_read_leaves_everything_as_it_was(
    school: School, harm: Callable[[School], None]
) -> None:
    harm(school)
    before = tree(school.root, ".prepare/journal.jsonl")
    assert school.restore(ARCHIVE) == 0
    assert tree(school.root, ".prepare/journal.jsonl") == before
    assert school.mark == "old"
    assert school.said["restore"]["result"] == "Failed"
    reasons: dict[Callable[[School], None], str] = {
        without_repository: "SnapshotMissing",
        with_another_key: "KeyWrong",
        without_key: "SafetySnapshotFailed",
        with_truncated_data: "SafetySnapshotFailed",
    }
    assert school.said["restore"]["reason"] == reasons[harm]
    assert school.said["restore"]["message"]


def test_too_little_room_is_told_with_the_figures(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SLACK_BYTES", 1 << 50)
    before = tree(school.root, ".prepare/journal.jsonl")
    assert school.restore(ARCHIVE) == 0
    assert tree(school.root, ".prepare/journal.jsonl") == before
    assert school.said["restore"]["reason"] == "NoRoom"
    assert f"{ARCHIVE}, unpacked, needs 10737418" in school.said["restore"]["message"]
    assert "MiB are free" in school.said["restore"]["message"]


def test_a_restore_that_a_full_volume_ended_never_runs_again(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        # There is room again once what the try had made is removed.
        if b'"event":"safety"' in bytes(data):
            real(descriptor, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    with monkeypatch.context() as full:
        full.setattr(os, "write", write)
        assert school.restore(ARCHIVE) == 0
    assert (school.said["restore"]["result"], school.said["restore"]["reason"]) == ("Failed", "NoRoom")
    write_base(school.base, "written since", with_log=True)
    assert school.restore(ARCHIVE) == 0
    assert school.said["result"] == "Unchanged"
    assert school.mark == "written since"
    assert is_ended(school)


def test_a_base_that_sqlite_cannot_open_is_stored_as_it_is(school: School) -> None:
    log = Path(f"{school.base}-wal").read_bytes()
    school.base.write_bytes(b"garbage" * 1000)
    assert school.restore(ARCHIVE) == 0
    assert school.mark == "archive"
    told = last_restore(school)
    assert "as it was: SQLite could not open it" in str(told["message"])
    inside = school.extracted(str(told["safetySnapshot"]))
    assert (inside / "base.sqlite").read_bytes() == b"garbage" * 1000
    assert (inside / "annexes/own.txt").read_text() == "own of old"
    assert (inside / "annexes/.as-it-was/base.sqlite-wal").read_bytes() == log


def test_a_base_that_is_gone_is_restored_and_what_was_beside_it_is_stored(school: School) -> None:
    school.base.unlink()
    assert school.restore(BACKUP) == 0
    assert school.mark == "backup"
    assert school.annexes == {"own.txt": "own of old", "photos/1.jpg": "photo of old"}
    inside = school.extracted(str(last_restore(school)["safetySnapshot"]))
    assert (inside / "annexes/own.txt").read_text() == "own of old"


@pytest.mark.parametrize("lost", ["years", "years/2026", "years and .prepare"])
def test_a_folder_that_is_gone_is_restored(school: School, lost: str) -> None:
    for name in lost.split(" and "):
        shutil.rmtree(school.root / name)
    assert school.restore(ARCHIVE) == 0
    assert school.mark == "archive"
    assert last_restore(school)["safetySnapshot"] is None
    assert school.safeties == []


def test_a_base_that_is_gone_and_cannot_be_restored_is_refused_and_both_are_told(school: School) -> None:
    shutil.rmtree(school.year)
    assert school.restore(MISSING) == 65
    assert school.said["reason"] == "SchoolYearMissing"
    assert school.said["restore"]["reason"] == "SnapshotMissing"


def test_an_empty_base_that_no_server_made_yet_is_replaced_without_a_safety_snapshot(
    tmp_path: Path, repository: Path
) -> None:
    school = make_school(tmp_path / "school", repository, served=False)
    school.prepare()
    assert school.restore(ARCHIVE) == 0
    assert school.mark == "archive"
    assert not (school.year / "new-base.json").exists()
    assert school.safeties == []


def test_a_damaged_base_is_restored_without_a_log_as_well(tmp_path: Path, repository: Path) -> None:
    school = make_school(tmp_path / "school", repository, with_log=False)
    assert school.restore(BACKUP) == 0
    assert mark_of(school.extracted(school.safeties[0].name) / "base.sqlite") == "old"


def test_a_server_that_is_still_at_work_on_the_base_is_waited_for(school: School) -> None:
    still_open = sqlite3.connect(school.base)
    still_open.execute("SELECT count(*) FROM pupils").fetchone()
    try:
        # A POSIX lock does not keep its own process out.
        pid = os.fork()
        if pid == 0:
            os._exit(school.restore(ARCHIVE))
        _, status = os.waitpid(pid, 0)
    finally:
        still_open.close()
    assert os.waitstatus_to_exitcode(status) == 74
    assert school.said["reason"] == "BaseInUse"
    assert "begin restore-2026-11-24-a" not in school.events
    assert school.restore(ARCHIVE) == 0
    assert school.mark == "archive"


def test_a_request_that_is_withdrawn_half_way_ends_and_never_runs(school: School) -> None:
    begin = {
        "v": 1,
        "time": "2026-11-24T08:00:00.000Z",
        "event": "begin",
        "key": "restore-a",
        "step": "restore",
        "requestId": "a",
        "snapshot": ARCHIVE,
        "schoolYear": YEAR,
        "safetySnapshot": "securite-20261124T080000Z",
    }
    with school.journal.open("a") as journal:
        journal.write(json.dumps(begin) + "\n")
    assert last_restore(school)["result"] == "Running"
    assert school.prepare() == 0
    assert (last_restore(school)["result"], last_restore(school)["reason"]) == ("Failed", "Withdrawn")
    assert school.restore(ARCHIVE, "a") == 0
    assert school.mark == "old"


def test_a_request_that_is_killed_each_time_is_given_up(school: School) -> None:
    begin = {
        "v": 1,
        "time": "2026-11-24T08:00:00.000Z",
        "event": "begin",
        "key": "restore-2026-11-24-a",
        "step": "restore",
        "requestId": "2026-11-24-a",
        "snapshot": ARCHIVE,
        "schoolYear": YEAR,
        "safetySnapshot": "securite-20261124T080000Z",
    }
    fault = {**begin, "event": "fault", "message": "Input/output error"}
    with school.journal.open("a") as journal:
        for line in (begin, begin, begin, fault):
            journal.write(json.dumps(line) + "\n")
    assert school.restore(ARCHIVE) == 0
    assert school.mark == "old"
    told = last_restore(school)
    assert (told["result"], told["reason"]) == ("Failed", "TriedTooOften")
    assert "3 tries did not come to an end; the last one said: Input/output error" in str(told["message"])
