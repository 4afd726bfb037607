"""The archive that a plan begins with: what it holds, that it is taken once, and what is refused without it."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.api.snapshots import SnapshotKind
from pronote_operator.prepare import stored
from pronote_operator.prepare.years import make_year
from pronote_operator.snapshots import Reason, Repository, SnapshotError, StoredSnapshot
from tests.volumes.prepare.bases import ARCHIVE, UAI, YEAR, School, make_school, mark_of, write_base
from tests.volumes.prepare.conftest import PLAN, Volume
from tests.volumes.prepare.killing import tree
from tests.volumes.prepare.test_restore import with_another_key, with_truncated_data, without_key

NAME = "archive-annuelle-20270826T180005Z"
FIRST: dict[str, Any] = {"archive": {"name": NAME}}
TURN: dict[str, Any] = {**PLAN, **FIRST, "schoolYear": 2027, "newYear": {"from": 2026}}
BACK: dict[str, Any] = {**PLAN, "restore": {"requestId": "rollback-0001", "snapshot": NAME}}


@pytest.fixture
def school(tmp_path: Path, repository: Path) -> School:
    """A school that is out of service; its server was killed."""
    return make_school(tmp_path / "school", repository)


def taken(school: School, name: str = NAME) -> list[StoredSnapshot]:
    """The archive, if it is in the repository."""
    return [one for one in school.repository.snapshots() if one.name == name]


def test_what_was_in_service_is_archived_with_its_annexes_before_the_year_turns(school: School) -> None:
    before = tree(school.year)
    assert school.prepare(TURN) == 0
    assert school.said["message"] == f"school year 2027 is prepared ({NAME}, new-year-2027, turn-2027)"
    (found,) = taken(school)
    assert (found.uai, found.school_year, found.version, found.annexes) == (UAI, YEAR, "2026.2.5", True)
    assert found.kind is SnapshotKind.YEAR_END_ARCHIVE
    inside = school.extracted(NAME)
    assert mark_of(inside / "base.sqlite") == "old"
    assert (inside / "annexes/photos/1.jpg").read_text() == "photo of old"
    assert (inside / "annexes/own.txt").read_text() == "own of old"
    assert tree(school.year) == before
    turned = ["begin new-year-2027", "end new-year-2027", "begin turn-2027", "end turn-2027"]
    assert school.events[-6:] == [f"begin {NAME}", f"end {NAME}", *turned]
    assert sorted(path.name for path in (school.root / ".prepare").iterdir()) == ["journal.jsonl", "reserve"]


def test_it_is_taken_once_although_retention_has_removed_it_since(school: School) -> None:
    plan = {**PLAN, **FIRST}
    assert school.prepare(plan) == 0
    write_base(school.base, "written since")
    school.repository.delete([NAME])
    before = tree(school.root)
    for later in (plan, {**plan, "schoolYear": 2026}, PLAN, plan):
        assert school.prepare(later) == 0
        assert school.said["result"] == "Unchanged"
    assert taken(school) == []
    assert tree(school.root) == before


def test_one_of_that_name_that_is_there_already_is_as_good(school: School, tmp_path: Path) -> None:
    write_base(tmp_path / "by the agent/base.sqlite", "by the agent")
    school.repository.take(
        NAME,
        base=tmp_path / "by the agent",
        annexes=None,
        uai=UAI,
        school_year=YEAR,
        version="2026.2.5",
        taken=dt.datetime(2027, 8, 26, tzinfo=dt.UTC),
    )
    assert school.prepare(TURN) == 0
    assert mark_of(school.extracted(NAME) / "base.sqlite") == "by the agent"
    assert school.events.count(f"end {NAME}") == 1


def test_another_name_is_another_archive(school: School) -> None:
    assert school.prepare({**PLAN, **FIRST}) == 0
    write_base(school.base, "written since", with_log=True)
    other = "archive-20270901T120000Z"
    assert school.prepare({**PLAN, "archive": {"name": other}}) == 0
    assert mark_of(school.extracted(other) / "base.sqlite") == "written since"
    assert mark_of(school.extracted(NAME) / "base.sqlite") == "old"


def test_it_comes_before_a_restore_of_the_same_plan(school: School) -> None:
    assert school.prepare({**PLAN, **FIRST, "restore": {"requestId": "a", "snapshot": ARCHIVE}}) == 0
    assert school.mark == "archive"
    assert mark_of(school.extracted(NAME) / "base.sqlite") == "old"
    assert school.said["restore"]["result"] == "Succeeded"
    assert school.said["message"] == f"school year 2026 is prepared ({NAME}, restored)"


def test_the_year_that_was_served_until_now_is_archived_whatever_else_is_on_the_volume(school: School) -> None:
    make_year(str(school.root), UAI, 2027, 2026, lambda: "2027-08-15T00:00:00.000Z")
    assert school.prepare(TURN) == 0
    assert taken(school)[0].school_year == 2026

    new = school.root / "years/2027"
    (new / "new-base.json").unlink()
    write_base(new / "base.sqlite", "of 2027", school_year=2027)
    pinned = "archive-20271001T120000Z"
    assert school.prepare({**PLAN, "archive": {"name": pinned}}) == 0
    assert taken(school, pinned)[0].school_year == 2027
    assert mark_of(school.extracted(pinned) / "base.sqlite") == "of 2027"

    released = "archive-annuelle-20271002T120000Z"
    assert school.prepare({**TURN, "archive": {"name": released}}) == 0
    assert taken(school, released)[0].school_year == 2026


def test_a_volume_that_was_made_anew_in_the_new_year_has_no_passing_one(tmp_path: Path, repository: Path) -> None:
    school = make_school(tmp_path / "school", repository, served=False)
    plan = {**PLAN, "newYear": {"from": 2025}}
    assert school.prepare(plan) == 0
    write_base(school.base, "first")
    (school.year / "new-base.json").unlink()
    assert school.prepare({**plan, **FIRST}) == 0
    assert taken(school)[0].school_year == 2026


def test_on_a_volume_without_a_base_there_is_nothing_to_archive_now_or_later(volume: Volume) -> None:
    """Not even a repository is needed."""
    plan = {**PLAN, **FIRST}
    assert volume.prepare(plan) == 0
    assert volume.events == [
        "identity 0750654D",
        f"begin {NAME}",
        f"end {NAME}",
        "begin empty-2026",
        "end empty-2026",
    ]
    assert "nothing was in service" in volume.journal.read_text()
    (volume.root / "years/2026/new-base.json").unlink()
    write_base(volume.root / "years/2026/base.sqlite", "made since")
    assert volume.prepare(plan) == 0
    assert volume.said["result"] == "Unchanged"


def test_a_base_that_no_server_made_yet_is_not_archived(tmp_path: Path, repository: Path) -> None:
    school = make_school(tmp_path / "school", repository, served=False)
    school.prepare()
    assert school.prepare({**PLAN, **FIRST}) == 0
    assert taken(school) == []


def test_a_base_that_sqlite_cannot_open_is_archived_as_it_is(school: School) -> None:
    school.base.write_bytes(b"garbage" * 1000)
    assert school.prepare({**PLAN, **FIRST}) == 0
    inside = school.extracted(NAME)
    assert (inside / "base.sqlite").read_bytes() == b"garbage" * 1000
    assert (inside / "annexes/own.txt").read_text() == "own of old"
    assert "as it was: SQLite could not open it" in school.journal.read_text()


def with_full_snapshots(school: School, patch: pytest.MonkeyPatch) -> None:
    """What borg answers on a full volume is in the tests of the repository."""

    def full(*_: object, **__: object) -> None:
        raise SnapshotError(Reason.VOLUME_FULL, "the volume of the snapshots is full")

    patch.setattr(Repository, "take", full)


def with_little_room(school: School, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stored, "SLACK_BYTES", 1 << 50)


Harm = Callable[[School, pytest.MonkeyPatch], None]
HARMS: dict[str, Harm] = {
    "KeyWrong: ": lambda school, patch: with_another_key(school),
    "KeyWrong: the": lambda school, patch: without_key(school),
    "RepositoryDamaged: ": lambda school, patch: with_truncated_data(school),
    "VolumeFull: ": with_full_snapshots,
    "NoRoom: the copy for the archive needs ": with_little_room,
}


@pytest.mark.parametrize("said", HARMS)
def test_what_cannot_be_archived_is_not_touched_and_goes_back_to_service_as_it_was(
    school: School, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    before = tree(school.root / "years")
    with monkeypatch.context() as patch:
        HARMS[said](school, patch)
        for _ in range(2):
            assert school.prepare(TURN) == 65
            assert (school.said["result"], school.said["reason"]) == ("Refused", "ArchiveFailed")
            assert f"so nothing was changed ({said}" in school.said["message"]
            assert tree(school.root / "years") == before
        assert school.events.count(f"begin {NAME}") == 1
        assert f"end {NAME}" not in school.events
        assert sorted(path.name for path in (school.root / ".prepare").iterdir()) == ["journal.jsonl", "reserve"]
        # The operator goes back by itself: the archive that it names was never taken, so nothing is put in its place.
        assert school.prepare(BACK) == 0
        assert school.said["restore"]["result"] == "Failed"
        assert tree(school.root / "years") == before


def test_an_archive_that_was_not_taken_restores_nothing_when_its_roll_goes_back(school: School) -> None:
    before = tree(school.root / "years")
    assert school.prepare(BACK) == 0
    assert school.said["restore"]["reason"] == "SnapshotMissing"
    assert tree(school.root / "years") == before


def test_a_roll_that_began_with_it_goes_back_to_what_was_entered_last(school: School) -> None:
    assert school.prepare(TURN) == 0
    # The new release wrote into the passing year's base before it broke.
    write_base(school.base, "spoiled")
    assert school.prepare(BACK) == 0
    assert (school.mark, school.annexes) == ("old", {"own.txt": "own of old", "photos/1.jpg": "photo of old"})
    assert not (school.root / "years/2027").exists()


def test_a_server_that_is_still_at_work_on_the_base_is_waited_for(school: School) -> None:
    still_open = sqlite3.connect(school.base)
    still_open.execute("SELECT count(*) FROM pupils").fetchone()
    try:
        # A POSIX lock does not keep its own process out.
        pid = os.fork()
        if pid == 0:
            os._exit(school.prepare(TURN))
        _, status = os.waitpid(pid, 0)
    finally:
        still_open.close()
    assert os.waitstatus_to_exitcode(status) == 74
    assert school.said["reason"] == "BaseInUse"
    assert taken(school) == []
    assert school.prepare(TURN) == 0
    assert len(taken(school)) == 1


def test_a_repository_that_is_in_use_is_waited_for(school: School) -> None:
    lock = os.open(school.snapshots / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert school.prepare(TURN) == 74
    finally:
        os.close(lock)
    assert (school.said["result"], school.said["reason"]) == ("Failed", "Busy")
    assert school.prepare(TURN) == 0
    assert len(taken(school)) == 1


def test_a_volume_of_another_school_is_refused_before_it_is_archived(school: School) -> None:
    assert school.prepare({**TURN, "uai": "0210066H"}) == 65
    assert school.said["reason"] == "UaiMismatch"
    assert f"begin {NAME}" not in school.events


def test_without_a_repository_one_is_made(school: School) -> None:
    shutil.rmtree(school.snapshots / "repository")
    assert school.prepare(TURN) == 0
    assert mark_of(school.extracted(NAME) / "base.sqlite") == "old"
