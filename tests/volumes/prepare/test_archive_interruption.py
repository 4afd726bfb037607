"""The archive that a plan begins with, killed or failed by the disk at every instruction: taken once, and first."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.volumes.prepare.bases import ARCHIVE, School, make_school, mark_of, restore_plan
from tests.volumes.prepare.conftest import PLAN
from tests.volumes.prepare.killing import Entry, Killer, Point, tree
from tests.volumes.prepare.test_archive import FIRST, NAME, TURN
from tests.volumes.prepare.test_restore_interruption import FAILING, borg_stores, copied

OLD = {"own.txt": "own of old", "photos/1.jpg": "photo of old"}
NEW = {"letter.txt": "letter of archive", "photos/1.jpg": "photo of archive"}
CHANGING = (".prepare/journal.jsonl", ".prepare/reserve")
"""Files whose content tells of the tries."""


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """Runs prepare and kills it."""
    small = Killer()
    yield small
    small.close()


class Case:
    """A plan on a school, and every state that a kill during its run can leave, with the call that came next."""

    def __init__(self, killer: Killer, folder: Path, start: School, plan: dict[str, object]) -> None:
        self.killer = killer
        self.plan = plan
        self.start = copied(start, folder / "start")
        school = copied(start, folder / "school")
        folders = [str(school.root), str(school.snapshots)]
        taken = killer.photograph(school.environment(plan), folders, folder / "photographs")
        self.album = []
        for call, photograph in taken:
            shutil.copyfile(school.key, photograph / "key")
            parts = [photograph / name for name in ("volume", "termination-log", "snapshots", "key")]
            self.album.append((call, School(*parts)))
        self.reference = tree(school.root, *CHANGING)
        self.ends = ends(school)

    def run(self, school: School, point: Point | None = None) -> int | None:
        """One run of the plan."""
        return self.killer.run(school.environment(self.plan), point).exit_code

    def check_end(self, school: School, call: str, mark: str, annexes: dict[str, str]) -> None:
        """A run to the end gives the reference, with one archive, and leaves nothing for a further one."""
        assert self.run(school) == 0, call
        assert tree(school.root, *CHANGING) == self.reference, call
        assert ends(school) == self.ends, call
        names = [one.name for one in school.repository.snapshots()]
        assert names.count(NAME) == 1, call
        inside = school.extracted(NAME)
        assert mark_of(inside / "base.sqlite") == mark, call
        found = {str(file.relative_to(inside / "annexes")): file for file in sorted(inside.glob("annexes/**/*.*"))}
        assert {name: file.read_text() for name, file in found.items()} == annexes, call
        end = tree(school.root)
        assert self.run(school) == 0
        assert school.said["result"] == "Unchanged"
        assert tree(school.root) == end, call


def ends(school: School) -> list[str]:
    """The steps that the journal tells to have ended, without a torn last line."""
    found = []
    for line in school.journal.read_text().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record["event"] == "end":
            found.append(f"{record['key']} {record.get('result', '')}")
    return found


def years(school: School) -> dict[str, Entry]:
    """What is in the folders of the years."""
    return tree(school.root / "years")


@pytest.fixture(scope="module")
def turning(killer: Killer, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A school whose server was killed is put in service with a new year."""
    folder = tmp_path_factory.mktemp("turning")
    return Case(killer, folder, make_school(folder / "made", repository), TURN)


def test_killed_at_every_instruction_it_is_taken_once_and_before_anything_else(turning: Case, tmp_path: Path) -> None:
    assert len(turning.album) > 25
    before = years(turning.start)
    for number, (call, killed) in enumerate(turning.album):
        school = copied(killed, tmp_path / str(number))
        if f"{NAME} " not in ends(school):
            assert years(school) == before, call
        turning.check_end(school, call, "old", OLD)
        shutil.rmtree(tmp_path / str(number))


def test_taken_and_removed_by_retention_before_the_run_after_a_kill(turning: Case, tmp_path: Path) -> None:
    call, killed = next((call, school) for call, school in turning.album if f"{NAME} " in ends(school))
    school = copied(killed, tmp_path / "school")
    school.repository.delete([NAME])
    assert turning.run(school) == 0, call
    assert [one.name for one in school.repository.snapshots() if one.name == NAME] == []
    assert ends(school) == turning.ends


def test_the_disk_fails_at_every_call_that_changes_something(killer: Killer, turning: Case, tmp_path: Path) -> None:
    """Up to the end of the archive; what follows is the turn's, which has a test of its own."""
    before = years(turning.start)
    school = copied(turning.start, tmp_path / "uninterrupted")
    root, calls = str(school.root), killer.run(school.environment(TURN)).calls
    lines = [number for number, call in enumerate(calls) if call.startswith("write") and call.endswith("journal.jsonl")]
    codes = set()
    seen: set[str] = set()
    for number, call in enumerate(calls[: lines[1] + 3], start=1):
        name = call.split()[0]
        on_volume = root in call or name == "sendfile"
        for how in {FAILING.get(name), "EIO" if name in FAILING else None} - {None}:
            if not on_volume or f"{how} {call}" in seen:
                continue
            seen.add(f"{how} {call}")
            school = copied(turning.start, tmp_path / "school")
            code = turning.run(school, Point(number, how))  # type: ignore[arg-type]
            assert code in (0, 65, 74), (how, call)
            if code == 65:
                assert school.said["reason"] == "ArchiveFailed", (how, call)
                assert how == "ENOSPC", call
            codes.add(code)
            if f"{NAME} " not in ends(school):
                assert years(school) == before, (how, call)
            turning.check_end(school, call, "old", OLD)
            shutil.rmtree(tmp_path / "school")
    assert codes >= {65, 74}
    assert len(seen) >= 12


def test_a_restore_that_is_half_way_in_place_is_brought_to_its_end_before(
    killer: Killer, repository: Path, tmp_path: Path
) -> None:
    """What is archived is what a server would be started on: the restored base, whole."""
    school = make_school(tmp_path / "made", repository)
    calls = killer.run(copied(school, tmp_path / "uninterrupted").environment(restore_plan(ARCHIVE))).calls
    renames = [number for number, call in enumerate(calls, start=1) if call.startswith("rename")]
    assert killer.run(school.environment(restore_plan(ARCHIVE)), Point(renames[0], "after")).exit_code is None
    assert not school.base.exists()
    for name, plan in (("withdrawn", {**PLAN, **FIRST}), ("asked", {**restore_plan(ARCHIVE), **FIRST})):
        case = Case(killer, tmp_path / name, school, plan)
        for number, (call, killed) in enumerate(case.album[::3]):
            found = copied(killed, tmp_path / f"{name}-{number}")
            case.check_end(found, call, "archive", NEW)
            shutil.rmtree(tmp_path / f"{name}-{number}")


def test_killed_while_borg_is_at_work(turning: Case, tmp_path: Path) -> None:
    school = copied(turning.start, tmp_path / "school")
    environment = {**os.environ, **school.environment(TURN)}
    process = subprocess.Popen([sys.executable, "-m", "pronote_operator.prepare.main"], env=environment)
    deadline = time.monotonic() + 60
    while not borg_stores(school) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    assert process.wait() != 0
    assert f"{NAME} " not in ends(school)
    turning.check_end(school, "borg", "old", OLD)
