"""Loading killed, or failed by the disk, at every system call: the next run ends in the same state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.volumes.hnot.conftest import Claim, make_claim
from tests.volumes.prepare.killing import Killer, Point, Run, points_of, tree

JOURNAL = ".prepare/journal.jsonl"
RESERVE = ".prepare/reserve"
STEPS = ("hnot-base", "hnot-annexe:photos.HPHOTOS", "hnot-profils")


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """Runs prepare and kills it."""
    small = Killer()
    yield small
    small.close()


CHANGING = ("open ", "write ", "mkdir ", "rename ", "unlink ", "rmdir ", "ftruncate ")
"""Calls that may change what is on the volume. A kill before any other call leaves what one before these leaves."""


def changing(run: Run) -> list[Point]:
    """Every point of a run that leaves something else than the point before it."""
    points = points_of(run, ("before", "torn"))
    return [point for point in points if run.calls[point.number - 1].startswith(CHANGING)]


def loadable(folder: Path) -> Claim:
    """A base, an annex file and users on the claim; nothing on the volume."""
    claim = make_claim(folder)
    claim.with_base()
    claim.with_annex(files={"1A/moreau.jpg": b"a face", "b.jpg": b"b"})
    claim.with_profils()
    return claim


def unloadable(folder: Path) -> Claim:
    """The same, and the base is of another school: it is unpacked before that is seen."""
    claim = loadable(folder)
    claim.with_base(content=b"SQLite format 3\0 and no more of it")
    return claim


class Case:
    """Claims that are all alike, and what an uninterrupted run makes of one."""

    def __init__(self, killer: Killer, folder: Path, make: Callable[[Path], Claim]) -> None:
        self.killer = killer
        self.folder = folder
        self.make = make
        self.made = 0
        claim = self.new()
        self.uninterrupted = self.run(claim)
        self.reference = tree(claim.root, JOURNAL, RESERVE)

    def new(self) -> Claim:
        """Nothing loaded yet."""
        self.made += 1
        return self.make(self.folder / str(self.made))

    def run(self, claim: Claim, point: Point | None = None) -> Run:
        """One run."""
        return self.killer.run(claim.environment(claim.plan), point)

    def check_half_way(self, claim: Claim) -> None:
        """No file in its place is ever there in part."""
        for path, entry in tree(claim.year).items() if claim.year.exists() else ():
            assert entry == self.reference[f"years/2026/{path}"], path

    def check_end(self, claim: Claim) -> None:
        """A run to the end gives the reference and tells of each step once; afterwards the claim may be gone."""
        assert self.run(claim).exit_code == 0
        assert tree(claim.root, JOURNAL, RESERVE) == self.reference
        assert sum(event.startswith("identity") for event in claim.events) == 1
        for step in STEPS:
            assert claim.events.count(f"end {step}") == 1
        claim.upload.rename(claim.upload.with_name("gone"))
        end = tree(claim.root)
        assert self.run(claim).exit_code == 0
        assert claim.said["result"] == "Unchanged"
        assert tree(claim.root) == end


def test_killed_before_every_change_and_inside_every_write(killer: Killer, tmp_path: Path) -> None:
    case = Case(killer, tmp_path, loadable)
    assert case.uninterrupted.exit_code == 0
    points = changing(case.uninterrupted)
    assert len(points) > 60
    for point in points:
        claim = case.new()
        assert case.run(claim, point).killed, point
        case.check_half_way(claim)
        case.check_end(claim)


def test_killed_twice(killer: Killer, tmp_path: Path) -> None:
    case = Case(killer, tmp_path, loadable)
    points = changing(case.uninterrupted)
    for first in points[5::11]:
        for second in points[first.number % 17 :: 17]:
            claim = case.new()
            assert case.run(claim, first).killed
            case.run(claim, second)
            case.check_half_way(claim)
            case.check_end(claim)


def test_the_disk_fails_at_every_change(killer: Killer, tmp_path: Path) -> None:
    case = Case(killer, tmp_path, loadable)
    for point in points_of(case.uninterrupted, ("ENOSPC",)):
        if not case.uninterrupted.calls[point.number - 1].startswith((*CHANGING, "fsync ")):
            continue
        claim = case.new()
        run = case.run(claim, point)
        assert run.exit_code in (0, 74, 99), (point, claim.said)
        if run.exit_code == 74:
            assert claim.said["reason"] == "VolumeFull"
        case.check_half_way(claim)
        case.check_end(claim)


def test_a_refusal_that_is_killed_anywhere_leaves_no_trace_after_the_next(killer: Killer, tmp_path: Path) -> None:
    case = Case(killer, tmp_path, unloadable)
    assert case.uninterrupted.exit_code == 65
    assert case.reference == {}
    for point in changing(case.uninterrupted):
        claim = case.new()
        assert case.run(claim, point).killed, point
        assert not claim.journal.exists()
        assert not (claim.root / "years").exists()
        assert case.run(claim).exit_code == 65
        assert set(tree(claim.root)) <= {".prepare"}, "an empty folder at most"


def test_a_base_is_in_place_only_when_it_would_outlive_a_loss_of_power(killer: Killer, tmp_path: Path) -> None:
    claim = loadable(tmp_path)
    root = claim.root
    calls = list(killer.run(claim.environment(claim.plan)).calls)
    aside = f"{root}/.prepare/staging-2026-hnot"
    rename = calls.index(f"rename {aside}/year")
    ends = [number for number, call in enumerate(calls) if call == f"write {root}/{JOURNAL}"][2::2]
    assert calls.index(f"fsync {aside}/year/base.sqlite") < calls.index(f"fsync {aside}/year") < rename
    assert rename < calls.index(f"fsync {root}/years", rename) < ends[0]
    for name in ("1A/moreau.jpg", "b.jpg"):
        moved = calls.index(f"rename {aside}/{name}")
        assert calls.index(f"fsync {aside}/{name}") < moved
        folder = f"{root}/years/2026/annexes/photos/{name}".rpartition("/")[0]
        assert moved < calls.index(f"fsync {folder}", moved) < ends[1]
