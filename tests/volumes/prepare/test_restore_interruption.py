"""A restore killed, or failed by the disk, at every instruction: restored exactly once, or as before; never between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pronote_operator.prepare.report import read_preparation
from tests.volumes.prepare.bases import ARCHIVE, School, make_school, mark_of, restore_plan
from tests.volumes.prepare.conftest import PLAN
from tests.volumes.prepare.killing import Killer, Point, points_of, tree

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


def state_after(album: list[tuple[str, School]], event: str) -> School:
    """The first state in which a line of the journal is durable."""
    return next(
        school for _, school in album if events(school)[-1:] == [event] and school.journal.read_bytes()[-1:] == b"\n"
    )


def test_the_exchange_of_the_folders_is_finished_however_often_it_is_killed(
    killer: Killer, album: list[tuple[str, School]], tmp_path: Path
) -> None:
    start = state_after(album, "swap")
    school = copied(start, tmp_path / "uninterrupted")
    points = list(points_of(killer.run(school.environment(PLAN)), ("before", "after", "torn")))
    assert len(points) > 60
    for number, point in enumerate(points):
        school = copied(start, tmp_path / str(number))
        assert killer.run(school.environment(PLAN), point).killed
        # Killed once more, at a place that differs from one to the next.
        killer.run(school.environment(PLAN), points[number * 7 % len(points)])
        assert killer.run(school.environment(PLANNED)).exit_code == 0
        assert (school.mark, school.annexes) == ("archive", NEW), point
        assert events(school).count("end") == 1, point
        shutil.rmtree(tmp_path / str(number))


def test_an_exchange_that_the_disk_refuses_is_given_up_untouched_or_finished_later(
    killer: Killer, album: list[tuple[str, School]], tmp_path: Path
) -> None:
    start = state_after(album, "swap")
    school = copied(start, tmp_path / "uninterrupted")
    results = set()
    for number, point in enumerate(points_of(killer.run(school.environment(PLAN)), ("EIO", "ENOSPC"))):
        school = copied(start, tmp_path / str(number))
        run = killer.run(school.environment(PLAN), point)
        assert run.exit_code in (0, 74, 99), point
        if run.exit_code == 0:
            assert school.base.exists(), point
        assert killer.run(school.environment(PLANNED)).exit_code == 0, point
        (result,) = results_told(school)
        results.add(result)
        expected = ("archive", NEW) if result == "Succeeded" else ("old", OLD)
        assert (school.mark, school.annexes) == expected, point
        shutil.rmtree(tmp_path / str(number))
    assert results == {"Succeeded", "Failed"}


def test_an_exchange_whose_new_folder_somebody_removed_is_undone(
    killer: Killer, album: list[tuple[str, School]], tmp_path: Path
) -> None:
    school = copied(state_after(album, "swap"), tmp_path / "school")
    calls = killer.run(copied(school, tmp_path / "uninterrupted").environment(PLAN)).calls
    renames = [number for number, name in enumerate(calls, start=1) if name.startswith("rename")]
    assert killer.run(school.environment(PLAN), Point(renames[0], "after")).killed
    assert not school.base.exists()
    shutil.rmtree(school.root / ".prepare/staging-2026")
    assert killer.run(school.environment(PLANNED)).exit_code == 0
    assert (school.mark, school.annexes) == ("old", OLD)
    assert results_told(school) == ["Failed"]


def results_told(school: School) -> list[str]:
    """How each restore went, oldest first."""
    restores = read_preparation(str(school.root))["restores"]
    assert isinstance(restores, list)
    return [restore["result"] for restore in restores]


FAILING = {
    "mkdir": "ENOSPC",
    "open": "ENOSPC",
    "write": "ENOSPC",
    "sendfile": "ENOSPC",
    "fsync": "EIO",
    "rename": "EIO",
}
"""What a disk answers to which call."""


@pytest.mark.parametrize("event", ["nothing", "safety"])
def test_the_disk_fails_at_every_call_that_changes_something(
    killer: Killer, album: list[tuple[str, School]], tmp_path: Path, event: str
) -> None:
    """From the start up to the safety snapshot, and from there up to the exchange, which has a test of its own."""
    start = album[0][1] if event == "nothing" else state_after(album, event)
    school = copied(start, tmp_path / "uninterrupted")
    root, calls = str(school.root), killer.run(school.environment(PLANNED)).calls
    # Lines of the journal: begin, safety, swap, end.
    lines = [number for number, call in enumerate(calls) if call.startswith("write") and call.endswith("journal.jsonl")]
    first, last = (0, lines[1]) if event == "nothing" else (lines[0], lines[2])
    seen: set[str] = set()
    results = []
    for number, call in enumerate(calls, start=1):
        how = FAILING.get(call.split()[0])
        on_volume = root in call or call.startswith("sendfile")
        # What is opened only to be synced fails in the same way then.
        again = call in seen or (call.startswith("open") and call.replace("open", "fsync", 1) in calls)
        if how is None or again or not on_volume or not first < number <= last + 1:
            continue
        seen.add(call)
        school = copied(start, tmp_path / str(number))
        run = killer.run(school.environment(PLANNED), Point(number, how))  # type: ignore[arg-type]
        assert run.exit_code in (0, 74), call
        if run.exit_code == 0:
            assert events(school)[-1] == "end", call
        assert killer.run(school.environment(PLANNED)).exit_code == 0, call
        (result,) = results_told(school)
        results.append(result)
        expected = ("archive", NEW) if result == "Succeeded" else ("old", OLD)
        assert (school.mark, school.annexes) == expected, call
        assert sorted(path.name for path in (school.root / ".prepare").iterdir() if path.name != "reserve") == [
            "journal.jsonl"
        ], call
        shutil.rmtree(tmp_path / str(number))
    assert set(results) == {"Succeeded", "Failed"}
    assert len(results) >= 8


def test_a_disk_that_fails_each_time_costs_three_tries_and_then_the_school_is_served_as_before(
    killer: Killer, album: list[tuple[str, School]], tmp_path: Path
) -> None:
    school = copied(state_after(album, "safety"), tmp_path / "school")
    for tries in (2, 3):
        calls = killer.run(copied(school, tmp_path / str(tries)).environment(PLANNED)).calls
        sync = next(
            number for number, call in enumerate(calls, start=1) if call.startswith("mkdir") and "staging" in call
        )
        assert killer.run(school.environment(PLANNED), Point(sync, "EIO")).exit_code == 74
        assert events(school).count("begin") == tries
    assert killer.run(school.environment(PLANNED)).exit_code == 0
    assert (school.mark, school.annexes) == ("old", OLD)
    restores = read_preparation(str(school.root))["restores"]
    assert isinstance(restores, list)
    assert restores[0]["reason"] == "TriedTooOften"
    assert "Input/output error" in restores[0]["message"]
    assert len(school.safeties) == 1


def borg_stores(school: School) -> bool:
    return (school.snapshots / "repository/lock.exclusive").exists()


def borg_extracts(school: School) -> bool:
    return (school.root / ".prepare/staging-2026/base.sqlite").exists()


@pytest.mark.parametrize("moment", [borg_stores, borg_extracts])
def test_killed_while_borg_is_at_work(repository: Path, tmp_path: Path, moment: Callable[[School], bool]) -> None:
    school = make_school(tmp_path / "school", repository)
    environment = {**os.environ, **school.environment(PLANNED)}
    process = subprocess.Popen([sys.executable, "-m", "pronote_operator.prepare.main"], env=environment)
    deadline = time.monotonic() + 60
    while not moment(school) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    assert process.wait() != 0
    assert events(school)[-1] != "end"
    assert school.mark == "old"
    assert school.restore(ARCHIVE) == 0
    assert (school.mark, school.annexes) == ("archive", NEW)
    assert results_told(school) == ["Succeeded"]
    assert len(school.safeties) == 1
