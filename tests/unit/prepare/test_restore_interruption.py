"""A restore killed, or failed by the disk, at every instruction: restored exactly once, or as before; never between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pronote_operator.prepare.report import read_preparation
from tests.unit.prepare.bases import ARCHIVE, School, make_school, mark_of, restore_plan
from tests.unit.prepare.conftest import PLAN
from tests.unit.prepare.killing import Killer, tree

KEY = "restore-2026-11-24-a"
PLANNED = restore_plan(ARCHIVE)
OLD = {"own.txt": "own of old", "photos/1.jpg": "photo of old"}
NEW = {"letter.txt": "letter of archive", "photos/1.jpg": "photo of archive"}


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """Runs prepare and kills it."""
    small = Killer()
    yield small
    small.close()


@pytest.fixture(scope="module")
def album(killer: Killer, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, School]]:
    """Every state that a kill during a restore can leave, with the call that would have come next."""
    folder = tmp_path_factory.mktemp("album")
    school = make_school(folder / "school", repository)
    taken = killer.photograph(
        school.environment(PLANNED), [str(school.root), str(school.snapshots)], folder / "photographs"
    )
    assert school.mark == "archive"
    for _, photograph in taken:
        shutil.copyfile(school.key, photograph / "key")
    return [
        (
            call,
            School(photograph / "volume", photograph / "termination-log", photograph / "snapshots", photograph / "key"),
        )
        for call, photograph in taken
    ]


def copied(school: School, folder: Path) -> School:
    """A copy to work on."""
    shutil.copytree(school.root.parent, folder, symlinks=True)
    return School(folder / "volume", folder / "termination-log", folder / "snapshots", folder / "key")


def events(school: School) -> list[str]:
    """Of the restore, without a torn last line."""
    found = []
    for line in school.journal.read_text().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record.get("key") == KEY:
            found.append(record["event"])
    return found


def test_a_run_killed_at_every_instruction_is_finished_by_the_next_exactly_once(
    killer: Killer, album: list[tuple[str, School]], tmp_path: Path
) -> None:
    assert len(album) > 25
    for number, (call, killed) in enumerate(album):
        school = copied(killed, tmp_path / str(number))
        before = events(school)
        in_place = school.base.exists()
        assert in_place or before[-1] == "swap", call
        if in_place:
            assert (school.mark, school.annexes) in (("old", OLD), ("archive", NEW)), call
        assert killer.run(school.environment(PLANNED)).exit_code == 0, call
        assert (school.mark, school.annexes) == ("archive", NEW), call
        assert sorted(path.name for path in school.year.iterdir()) == [".server.lock", "annexes", "base.sqlite"]
        told = events(school)
        assert told.count("end") == told.count("swap") == 1, call
        (safety,) = school.repository.remembered()[-1:]
        assert sum(one.name.startswith("securite-") for one in school.repository.remembered()) == 1, call
        restores = read_preparation(str(school.root))["restores"]
        assert isinstance(restores, list)
        assert [(one["result"], one["safetySnapshot"]) for one in restores] == [("Succeeded", safety.name)], call
        assert mark_of(school.base) == "archive"
        end = tree(school.root)
        for plan in (PLANNED, PLAN):
            assert killer.run(school.environment(plan)).exit_code == 0
            assert school.said["result"] == "Unchanged"
            assert tree(school.root) == end, call
        shutil.rmtree(tmp_path / str(number))


def test_a_run_killed_at_every_instruction_and_then_not_asked_for_is_as_before_or_restored(
    killer: Killer, album: list[tuple[str, School]], tmp_path: Path
) -> None:
    ended = set()
    for number, (call, killed) in enumerate(album):
        school = copied(killed, tmp_path / str(number))
        before = events(school)
        assert killer.run(school.environment(PLAN)).exit_code == 0, call
        restored = "swap" in before
        assert (school.mark, school.annexes) == (("archive", NEW) if restored else ("old", OLD)), call
        assert sorted(path.name for path in (school.root / ".prepare").iterdir()) == ["journal.jsonl", "reserve"], call
        restores = read_preparation(str(school.root))["restores"]
        assert isinstance(restores, list)
        told = [one["reason"] for one in restores]
        assert told == (["Restored"] if restored else ["Withdrawn"] if before else []), call
        ended.update(told)
        mark = school.mark
        if before:
            assert killer.run(school.environment(PLANNED)).exit_code == 0
            assert school.mark == mark, call
        shutil.rmtree(tmp_path / str(number))
    assert ended == {"Restored", "Withdrawn"}
