"""A roll that turned the year and is gone back from: restored to the past year, and what it had made put away."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.prepare.report import read_preparation
from pronote_operator.prepare.volume import Layout
from pronote_operator.prepare.years import note_served
from tests.volumes.prepare.bases import ARCHIVE, School, make_school
from tests.volumes.prepare.conftest import PLAN
from tests.volumes.prepare.killing import tree
from tests.volumes.prepare.test_new_year import write_base_with_grid

ROLLBACK = "rollback-0001"
COMING: dict[str, Any] = {**PLAN, "schoolYear": 2027, "newYear": {"from": 2026}}
BACK: dict[str, Any] = {**PLAN, "restore": {"requestId": ROLLBACK, "snapshot": ARCHIVE}}


@pytest.fixture
def school(tmp_path: Path, repository: Path) -> School:
    """A school that was turned to 2027; its server was killed before."""
    school = make_school(tmp_path / "school", repository)
    assert school.prepare(COMING) == 0
    return school


def newer(school: School) -> Path:
    """The folder of the new year."""
    return school.root / "years/2027"


def made_by_a_server(school: School) -> None:
    """A server made the new base, as it starts."""
    (newer(school) / "new-base.json").unlink()
    write_base_with_grid(newer(school) / "base.sqlite", 2027)
    (newer(school) / ".server.lock").write_text("")


def with_a_pupil(school: School) -> None:
    """Somebody entered a pupil before the server was ready."""
    made_by_a_server(school)
    with contextlib.closing(sqlite3.connect(newer(school) / "base.sqlite")) as base, base:
        base.execute("INSERT INTO pupils VALUES (1)")


def with_an_annex(school: School) -> None:
    """There is a file that no server leaves at its start."""
    (newer(school) / "annexes").mkdir()


def was_ready(school: School) -> None:
    """The server was ready, and the agent noted it."""
    made_by_a_server(school)
    assert note_served(str(school.root), 2027, "2026-08-26T20:05:00.000Z")


def that_cannot_be_read(school: School) -> None:
    """Nobody can tell what is in the new base."""
    (newer(school) / "new-base.json").unlink()
    (newer(school) / "base.sqlite").write_bytes(b"no base" * 1000)


def as_it_was_made(school: School) -> None:
    """No server ever started on it."""


Change = Callable[[School], None]


@pytest.mark.parametrize("change", [as_it_was_made, made_by_a_server])
def test_a_new_base_that_nobody_was_served_from_is_removed(school: School, change: Change) -> None:
    change(school)
    assert school.prepare(BACK) == 0
    assert school.mark == "archive"
    assert school.said["restore"]["result"] == "Succeeded"
    assert school.said["message"] == "school year 2026 is prepared (restored, put-away-2027, year-2026-1)"
    assert not newer(school).exists()
    assert sorted(path.name for path in (school.root / ".prepare").iterdir()) == ["journal.jsonl", "reserve"]
    assert school.events[-4:] == ["begin put-away-2027", "end put-away-2027", "begin year-2026-1", "end year-2026-1"]
    assert "was removed: nobody was served from it" in school.journal.read_text()
    end = tree(school.root)
    assert school.prepare(BACK) == 0
    assert school.said["result"] == "Unchanged"
    assert tree(school.root) == end


@pytest.mark.parametrize("change", [was_ready, with_a_pupil, with_an_annex, that_cannot_be_read])
def test_a_new_base_that_somebody_may_have_worked_in_is_kept_aside_and_told(school: School, change: Change) -> None:
    change(school)
    before = tree(newer(school), "base.sqlite-shm", "base.sqlite-wal")
    assert school.prepare(BACK) == 0
    assert school.mark == "archive"
    assert not newer(school).exists()
    assert tree(school.root / ".prepare/put-away-2027", "base.sqlite-shm", "base.sqlite-wal") == before
    told = read_preparation(str(school.root))["years"]
    assert isinstance(told, list)
    (one,) = [step for step in told if step["name"] == "put-away-2027"]
    assert ".prepare/put-away-2027" in one["message"]
    assert school.prepare(BACK) == 0
    assert (school.root / ".prepare/put-away-2027/base.sqlite").exists() or change is with_an_annex


def test_a_rollback_whose_snapshot_is_missing_leaves_the_past_base_in_service_and_still_puts_away(
    school: School,
) -> None:
    missing = {**PLAN, "restore": {"requestId": ROLLBACK, "snapshot": "archive-20261119T0130Z"}}
    assert school.prepare(missing) == 0
    assert school.said["restore"]["reason"] == "SnapshotMissing"
    assert school.mark == "old"
    assert not newer(school).exists()


def test_the_next_roll_makes_the_new_year_again(school: School) -> None:
    was_ready(school)
    assert school.prepare(BACK) == 0
    assert school.prepare({**COMING, "restore": BACK["restore"]}) == 0
    assert (newer(school) / "new-base.json").exists()
    assert (school.root / ".prepare/put-away-2027/base.sqlite").exists()
    assert school.events[-4:] == [
        "begin new-year-2027-2",
        "end new-year-2027-2",
        "begin turn-2027-2",
        "end turn-2027-2",
    ]
    was_ready_again = note_served(str(school.root), 2027, "2026-08-27T20:05:00.000Z")
    assert was_ready_again
    assert school.events[-1] == "end served-2027-2"
    # A pin to the past year while the plan still has the restore of the roll that failed.
    assert school.prepare(BACK) == 0
    assert newer(school).exists()


def test_a_restore_of_the_past_year_works_while_the_new_one_stays(school: School) -> None:
    made_by_a_server(school)
    before = tree(newer(school))
    assert school.restore(ARCHIVE) == 0
    assert school.mark == "archive"
    assert len(school.safeties) == 1
    assert tree(newer(school)) == before
    assert school.prepare(COMING) == 0
    assert tree(newer(school)) == before


def test_a_rollback_in_the_same_year_leaves_a_prepared_year_as_it_is(tmp_path: Path, repository: Path) -> None:
    from pronote_operator.prepare.years import make_year

    school = make_school(tmp_path / "school", repository)
    make_year(str(school.root), "0750654D", 2027, 2026, lambda: "2026-08-15T00:00:00.000Z")
    before = tree(newer(school))
    assert school.prepare(BACK) == 0
    assert school.mark == "archive"
    assert tree(newer(school)) == before


def test_a_base_that_a_server_still_has_open_is_waited_for(school: School) -> None:
    made_by_a_server(school)
    with contextlib.closing(sqlite3.connect(newer(school) / "base.sqlite", isolation_level=None)) as base:
        base.execute("INSERT INTO pupils VALUES (7)")
        # A POSIX lock does not keep its own process out.
        pid = os.fork()
        if pid == 0:
            os._exit(school.prepare(BACK))
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 74
        assert (school.said["reason"], school.said["restore"]["result"]) == ("BaseInUse", "Succeeded")
        assert newer(school).exists()
        assert school.mark == "archive"
    assert school.prepare(BACK) == 0
    assert (Path(Layout(str(school.root)).put_away(2027, 1)) / "base.sqlite").exists()
