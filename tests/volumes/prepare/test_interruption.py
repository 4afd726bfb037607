"""Prepare killed, or failed by the disk, at every system call: the next run ends in the same state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.volumes.prepare.conftest import PLAN, Volume, make_volume
from tests.volumes.prepare.killing import How, Killer, Point, Run, points_of, tree

JOURNAL = ".prepare/journal.jsonl"
RESERVE = ".prepare/reserve"
"""Given up for a line of the journal on a full volume."""


def fresh(folder: Path) -> Volume:
    """Nothing on the volume yet."""
    return make_volume(folder)


def littered(folder: Path) -> Volume:
    """A run and a snapshot were killed before, a line of the journal is torn, and the base is not made yet."""
    volume = make_volume(folder)
    for path in ("checkpoints/a/deep", "checkpoints/b", ".prepare/staging-2026", "years/2026"):
        (volume.root / path).mkdir(parents=True, mode=0o700)
    for path in ("checkpoints/a/base.sqlite", "checkpoints/a/deep/x", "checkpoints/file", ".prepare/staging-2026/y"):
        (volume.root / path).write_text("left")
    for path in ("checkpoints", ".prepare", "years"):
        (volume.root / path).chmod(0o700)
    volume.journal.write_text('{"v":1,"time":"2026-08-15T00:00:00.000Z","event":"identity","uai":"0750654D"}\n{"v":1,')
    volume.journal.chmod(0o600)
    return volume


def served(folder: Path) -> Volume:
    """The base is in service, and a snapshot was killed."""
    volume = make_volume(folder)
    volume.prepare()
    (volume.root / "years/2026/new-base.json").rename(volume.root / "years/2026/base.sqlite")
    (volume.root / "checkpoints/a").mkdir()
    (volume.root / "checkpoints/a/base.sqlite").write_text("left")
    return volume


Start = Callable[[Path], Volume]
starts = pytest.mark.parametrize("start", [fresh, littered, served])


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """Runs prepare and kills it."""
    small = Killer()
    yield small
    small.close()


class Case:
    """Volumes that all start alike, and the state that an uninterrupted run makes of one."""

    def __init__(self, killer: Killer, folder: Path, start: Start) -> None:
        self.killer = killer
        self.folder = folder
        self.start = start
        self.made = 0
        volume = self.new()
        self.uninterrupted = self.run(volume)
        assert self.uninterrupted.exit_code == 0
        self.reference = tree(volume.root, JOURNAL, RESERVE)

    def new(self) -> Volume:
        """A volume in the state that the case starts from."""
        self.made += 1
        return self.start(self.folder / str(self.made))

    def points(self, *hows: How) -> list[Point]:
        """Every point of an uninterrupted run."""
        return list(points_of(self.uninterrupted, hows))

    def run(self, volume: Volume, point: Point | None = None) -> Run:
        """One run on a volume."""
        return self.killer.run(volume.environment(PLAN), point)

    def check_half_way(self, volume: Volume) -> None:
        """What a server or a person may see after an interruption: a base is there whole or not at all."""
        asked = volume.root / "years/2026/new-base.json"
        if asked.exists():
            assert json.loads(asked.read_text())["schoolYear"] == 2026

    def check_end(self, volume: Volume) -> None:
        """A run to the end gives the reference, tells of each step once, and leaves nothing for a further one."""
        assert self.run(volume).exit_code == 0
        assert tree(volume.root, JOURNAL, RESERVE) == self.reference
        events = volume.events
        assert events[0] == "identity 0750654D"
        assert sum(event.startswith("identity") for event in events) == 1
        assert sum(event == "end empty-2026" for event in events) == 1
        end = tree(volume.root)
        assert self.run(volume).exit_code == 0
        assert volume.said["result"] == "Unchanged"
        assert tree(volume.root) == end


@starts
def test_killed_before_and_after_every_call_and_inside_every_write(
    killer: Killer, tmp_path: Path, start: Start
) -> None:
    case = Case(killer, tmp_path, start)
    all_points = case.points("before", "after", "torn")
    assert len(all_points) > 40
    for point in all_points:
        volume = case.new()
        assert case.run(volume, point).killed, point
        case.check_half_way(volume)
        case.check_end(volume)
        assert (volume.root / RESERVE).stat().st_size == 16 << 10 or start is served


@starts
def test_killed_twice(killer: Killer, tmp_path: Path, start: Start) -> None:
    case = Case(killer, tmp_path, start)
    for first in case.points("after")[::8]:
        for second in case.points("before")[first.number % 9 :: 9]:
            volume = case.new()
            assert case.run(volume, first).killed
            case.run(volume, second)
            case.check_half_way(volume)
            case.check_end(volume)


@starts
def test_the_disk_fails_at_every_call(killer: Killer, tmp_path: Path, start: Start) -> None:
    case = Case(killer, tmp_path, start)
    for point in case.points("ENOSPC"):
        volume = case.new()
        run = case.run(volume, point)
        # 99: the log on stderr failed. 0: the lock or the termination message did, both of which prepare can do
        # without.
        assert run.exit_code in (0, 74, 99), point
        if run.exit_code == 74:
            assert volume.said["result"] == "Failed"
            assert volume.said["reason"] == "VolumeFull"
            assert "full" in volume.said["message"]
        case.check_half_way(volume)
        case.check_end(volume)


def test_a_base_is_announced_only_when_it_would_outlive_a_loss_of_power(killer: Killer, tmp_path: Path) -> None:
    volume = fresh(tmp_path)
    root = volume.root
    calls = list(killer.run(volume.environment(PLAN)).calls)
    writes_to_journal = [n for n, call in enumerate(calls) if call == f"write {root}/{JOURNAL}"]
    identity, begin, end = writes_to_journal
    rename = calls.index(f"rename {root}/.prepare/staging-2026")
    staged = calls.index(f"fsync {root}/.prepare/staging-2026/new-base.json")
    assert calls[identity + 1] == calls[begin + 1] == calls[end + 1] == f"fsync {root}/{JOURNAL}"
    assert calls.index(f"fsync {root}") < identity
    assert calls.index(f"fsync {root}/.prepare") < identity
    assert begin < staged < calls.index(f"fsync {root}/.prepare/staging-2026") < rename
    assert rename < calls.index(f"fsync {root}/years") < end


def aged(folder: Path) -> Volume:
    """The journal has grown over the years, and is rewritten by a run that has something to write."""
    volume = served(folder)
    line = {"v": 1, "time": "2026-08-15T00:00:00.000Z", "event": "sweep", "removed": ["checkpoints/a" * 20], "count": 1}
    with volume.journal.open("a") as journal:
        journal.write((json.dumps(line) + "\n") * 800)
    return volume


def test_a_rewriting_of_the_journal_may_be_killed_everywhere(killer: Killer, tmp_path: Path) -> None:
    case = Case(killer, tmp_path, aged)
    points = case.points("before", "torn")
    assert any("rename" in call and call.endswith("journal.jsonl.new") for call in case.uninterrupted.calls)
    for point in points:
        volume = case.new()
        assert case.run(volume, point).killed, point
        case.check_end(volume)
        assert volume.journal.stat().st_size < 20_000, point
