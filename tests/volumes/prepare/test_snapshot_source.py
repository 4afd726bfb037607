"""The first base of a volume from a snapshot of another base, or of the same one after its data were lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

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
    School,
    make_school,
    restore_plan,
)
from tests.volumes.prepare.conftest import PLAN
from tests.volumes.prepare.killing import tree


def plan(name: str, base: str = "other-base", **changes: Any) -> dict[str, Any]:
    """The usual plan with a snapshot as its source."""
    return {**PLAN, "source": {"snapshot": {"base": base, "name": name}}, **changes}


@pytest.fixture
def school(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> School:
    """An empty volume, and another base's snapshots mounted as prepare sees them."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    shutil.copytree(repository / "snapshots", tmp_path / "source")
    shutil.copyfile(repository / "key", tmp_path / "source-key")
    return make_school(tmp_path / "school", None, served=False)


def test_a_base_is_loaded_from_another_bases_snapshot_and_nothing_is_written_there(
    school: School, tmp_path: Path
) -> None:
    before = tree(tmp_path / "source")
    assert school.prepare(plan(ARCHIVE)) == 0
    assert school.mark == "archive"
    assert school.annexes == {"photos/1.jpg": "photo of archive", "letter.txt": "letter of archive"}
    assert {entry.mode for entry in tree(school.year).values()} == {0o600, 0o700}
    assert school.events == ["identity 0750654D", "begin snapshot-2026", "end snapshot-2026"]
    assert read_preparation(str(school.root))["source"] == {
        "kind": "snapshot",
        "steps": [
            {"name": "snapshot-2026", "message": f"{ARCHIVE} of other-base, taken 2026-11-24 01:30 UTC"},
        ],
    }
    assert tree(tmp_path / "source") == before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_base_that_is_there_is_kept_and_the_repository_not_looked_at(school: School, tmp_path: Path) -> None:
    school.prepare()
    shutil.rmtree(tmp_path / "source")
    before = tree(school.root)
    assert school.prepare(plan(ARCHIVE)) == 0
    assert school.said["result"] == "Unchanged"
    assert tree(school.root) == before


def test_a_lost_volume_is_made_again_from_the_bases_own_snapshots(tmp_path: Path, repository: Path) -> None:
    school = make_school(tmp_path / "school", repository, served=False)
    assert school.prepare(plan(BACKUP, base="jean-moulin")) == 0
    assert school.mark == "backup"
    assert school.annexes == {}


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        (MISSING, "SnapshotMissing", (MISSING, "other-base", BACKUP, ARCHIVE)),
        (OF_ANOTHER_SCHOOL, "UaiMismatch", (OF_ANOTHER_SCHOOL, "0210066H", "0750654D")),
        (OF_ANOTHER_YEAR, "SchoolYearMismatch", (OF_ANOTHER_YEAR, "spec.schoolYear.pin: 2025")),
    ],
)
def test_a_snapshot_that_is_not_meant_for_this_base_is_refused_and_nothing_written(
    school: School, name: str, reason: str, words: tuple[str, ...]
) -> None:
    assert school.prepare(plan(name)) == 65
    assert school.said["reason"] == reason
    assert all(word in school.said["message"] for word in words), school.said["message"]
    assert list(school.root.iterdir()) == []


@pytest.mark.parametrize("name", [NO_BASE, MISLABELLED])
def test_a_snapshot_that_is_found_unfit_leaves_no_base_however_often_it_is_tried(school: School, name: str) -> None:
    for _ in range(2):
        assert school.prepare(plan(name)) == 65
        assert school.said["reason"] == "SnapshotDamaged"
        assert name in school.said["message"]
        assert list((school.root / "years").iterdir()) == []
        assert sorted(path.name for path in (school.root / ".prepare").iterdir()) == ["journal.jsonl", "reserve"]
    assert school.events == ["identity 0750654D", "begin snapshot-2026"]
    assert school.prepare(plan(ARCHIVE)) == 0
    assert school.mark == "archive"


def test_too_little_room_is_told_with_the_figures(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SLACK_BYTES", 1 << 50)
    assert school.prepare(plan(ARCHIVE)) == 65
    assert school.said["reason"] == "NoRoom"
    assert "MiB are free" in school.said["message"]


def test_a_repository_that_is_not_there_is_named(school: School, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "source/repository")
    assert school.prepare(plan(ARCHIVE)) == 65
    assert school.said["reason"] == "RepositoryMissing"
    assert "other-base" in school.said["message"]


def test_a_lost_volume_whose_restore_is_asked_for_as_well_is_restored_and_the_source_not_needed(
    tmp_path: Path, repository: Path
) -> None:
    school = make_school(tmp_path / "school", repository, served=False)
    both = {**plan(MISSING), "restore": restore_plan(ARCHIVE)["restore"]}
    assert school.prepare(both) == 0
    assert school.mark == "archive"
    assert school.prepare(both) == 0
    assert school.said["result"] == "Unchanged"
