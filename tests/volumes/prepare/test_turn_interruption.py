"""A turn of the year, and its putting away, killed or failed by the disk at every system call: the same end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.prepare.years import note_served
from tests.volumes.prepare.conftest import PLAN, Volume, make_volume
from tests.volumes.prepare.killing import Killer, Point, Run, points_of, tree
from tests.volumes.prepare.test_new_year import COMING, served, write_base_with_grid

ROLLBACK = "rollback-0001"
BACK: dict[str, Any] = {
    **PLAN,
    "schoolYear": 2025,
    "restore": {"requestId": ROLLBACK, "snapshot": "archive-20260826T2001Z"},
}
CHANGING = (".prepare/journal.jsonl", ".prepare/reserve")
"""Files whose content tells of the tries."""


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """Runs prepare and kills it."""
    small = Killer()
    yield small
    small.close()


def in_service(folder: Path) -> Volume:
    """The base of 2025 is in service, with a log as of a killed server; there are two older ones."""
    volume = make_volume(folder)
    served(volume, log=True)
    for year in (2023, 2024):
        write_base_with_grid(volume.root / f"years/{year}/base.sqlite", year)
    (volume.root / "years/2024/annexes").mkdir()
    (volume.root / "years/2024/annexes/1.jpg").write_text("a photo")
    return volume


def gone_back(folder: Path) -> Volume:
    """The turn failed before a server made its base, and the restore of its rollback has ended."""
    volume = make_volume(folder)
    served(volume)
    assert volume.prepare(COMING) == 0
    restore = {"key": f"restore-{ROLLBACK}", "step": "restore", "schoolYear": 2025}
    end = {"v": 1, "time": "2026-08-26T20:25:00.000Z", "event": "end", **restore, "result": "Restored", "reason": ""}
    with volume.journal.open("a") as journal:
        journal.write(json.dumps(end, separators=(",", ":")) + "\n")
    return volume


def gone_back_from_a_server(folder: Path) -> Volume:
    """A server was ready on the new base, and the rollback came all the same."""
    volume = gone_back(folder)
    new = volume.root / "years/2026"
    (new / "new-base.json").unlink()
    write_base_with_grid(new / "base.sqlite", 2026)
    note_served(str(volume.root), 2026, "2026-08-26T20:20:00.000Z")
    return volume


Start = Callable[[Path], Volume]
CASES: tuple[tuple[Start, dict[str, Any]], ...] = (
    (in_service, COMING),
    (gone_back, BACK),
    (gone_back_from_a_server, BACK),
)
cases = pytest.mark.parametrize(("start", "plan"), CASES, ids=lambda value: getattr(value, "__name__", "plan"))


class Case:
    """Volumes that all start alike, and the state that an uninterrupted run makes of one."""

    def __init__(self, killer: Killer, folder: Path, start: Start, plan: dict[str, Any]) -> None:
        self.killer = killer
        self.folder = folder
        self.plan = plan
        self.model = start(folder / "model")
        self.made = 0
        volume = self.new()
        self.before = tree(volume.root / "years")
        self.uninterrupted = self.run(volume)
        assert self.uninterrupted.exit_code == 0
        self.reference = tree(volume.root, *CHANGING)
        self.ends = [event for event in volume.events if event.startswith("end")]

    def new(self) -> Volume:
        """A volume in the state that the case starts from."""
        self.made += 1
        root = self.folder / str(self.made)
        shutil.copytree(self.model.root, root / "volume", symlinks=True)
        return Volume(root / "volume", root / "termination-log")

    def run(self, volume: Volume, point: Point | None = None) -> Run:
        """One run on a volume."""
        return self.killer.run(volume.environment(self.plan), point)

    def check_half_way(self, volume: Volume) -> None:
        """The year in service is never touched; the others are there whole, in one place or another, or not at all."""
        kept = {path: entry for path, entry in self.before.items() if path.startswith("2025/")}
        found = tree(volume.root / "years")
        assert {path: entry for path, entry in found.items() if path.startswith("2025/")} == kept
        for year in ("2023", "2024", "2026"):
            there = {path: entry for path, entry in found.items() if path.startswith(f"{year}/")}
            before = {path: entry for path, entry in self.before.items() if path.startswith(f"{year}/")}
            made = {path: entry for path, entry in self.reference.items() if path.startswith(f"years/{year}/")}
            assert there in ({}, before, {path.removeprefix("years/"): entry for path, entry in made.items()})

    def check_end(self, volume: Volume) -> None:
        """A run to the end gives the reference, tells of each step once, and leaves nothing for a further one."""
        assert self.run(volume).exit_code == 0
        assert tree(volume.root, *CHANGING) == self.reference
        assert [event for event in volume.events if event.startswith("end")] == self.ends
        end = tree(volume.root)
        assert self.run(volume).exit_code == 0
        assert volume.said["result"] == "Unchanged"
        assert tree(volume.root) == end
        shutil.rmtree(volume.root)


@cases
def test_killed_before_and_after_every_call_and_inside_every_write(
    killer: Killer, tmp_path: Path, start: Start, plan: dict[str, Any]
) -> None:
    case = Case(killer, tmp_path, start, plan)
    points = list(points_of(case.uninterrupted, ("before", "after", "torn")))
    assert len(points) > 40
    for point in points:
        volume = case.new()
        assert case.run(volume, point).killed, point
        case.check_half_way(volume)
        case.check_end(volume)


@cases
def test_killed_twice(killer: Killer, tmp_path: Path, start: Start, plan: dict[str, Any]) -> None:
    case = Case(killer, tmp_path, start, plan)
    points = list(points_of(case.uninterrupted, ("after",)))
    for first in points[::13]:
        for second in points[first.number % 17 :: 17]:
            volume = case.new()
            case.run(volume, first)
            case.run(volume, second)
            case.check_half_way(volume)
            case.check_end(volume)


@cases
def test_the_disk_fails_at_every_call(killer: Killer, tmp_path: Path, start: Start, plan: dict[str, Any]) -> None:
    case = Case(killer, tmp_path, start, plan)
    for point in points_of(case.uninterrupted, ("ENOSPC", "EIO")):
        volume = case.new()
        run = case.run(volume, point)
        assert run.exit_code in (0, 74, 99), point
        case.check_half_way(volume)
        case.check_end(volume)


def test_an_older_base_goes_only_when_the_new_one_would_outlive_a_loss_of_power(killer: Killer, tmp_path: Path) -> None:
    volume = in_service(tmp_path)
    root = volume.root
    calls = list(killer.run(volume.environment(COMING)).calls)
    lines = [number for number, call in enumerate(calls) if call == f"write {root}/.prepare/journal.jsonl"]
    _, new_year_ended, turn_begun, turn_ended = lines
    put_in_place = calls.index(f"rename {root}/.prepare/staging-2026")
    moved = calls.index(f"rename {root}/years/2023")
    assert put_in_place < calls.index(f"fsync {root}/years", put_in_place) < new_year_ended < turn_begun < moved
    emptied = calls.index(f"unlink {root}/.prepare/replaced-2023/base.sqlite")
    assert moved < calls.index(f"fsync {root}/years", moved) < emptied < turn_ended
