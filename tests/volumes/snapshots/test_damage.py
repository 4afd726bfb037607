"""A damaged repository is told, never made worse, and gets well by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from pronote_operator.snapshots import Reason, SnapshotError
from tests.volumes.snapshots.conftest import EVENING, MORNING, NIGHT, NOON, School, flip, flip_back


def verified(school: School, name: str) -> bool:
    """Whether a snapshot passes its verification."""
    with contextlib.suppress(SnapshotError):
        school.repository().verify(name, school.root / "scratch")
        return True
    return False


def damaged(school: School) -> dict[str, bool]:
    """Which snapshots are marked."""
    return {snapshot.name: snapshot.damaged for snapshot in school.repository().snapshots()}


def test_a_flipped_byte_is_told_and_the_next_snapshot_of_the_same_pages_heals_it(stored: School) -> None:
    flip(stored.largest_segment)
    assert not verified(stored, MORNING)
    assert damaged(stored) == {NIGHT: False, MORNING: True}

    stored.take(NOON)

    assert damaged(stored) == {NIGHT: False, MORNING: False, NOON: False}
    assert all(verified(stored, name) for name in (NIGHT, MORNING))
    originals = [path for path in (stored.snapshots / "damaged").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in originals) < 2 * stored.base.stat().st_size


def test_lost_pages_that_do_not_come_back_leave_their_snapshots_marked_and_later_ones_good(stored: School) -> None:
    flip(stored.largest_segment)
    assert not verified(stored, MORNING)
    stored.rewrite()
    stored.take(NOON)
    assert damaged(stored) == {NIGHT: True, MORNING: True, NOON: False}
    assert verified(stored, NOON)
    assert not verified(stored, MORNING), "a gap filled with zeros is never taken for a base"


def test_a_cause_that_goes_away_costs_nothing(stored: School) -> None:
    place = flip(stored.largest_segment)
    assert not verified(stored, MORNING)
    flip_back(stored.largest_segment, place)
    stored.take(NOON)
    assert verified(stored, MORNING)
    assert damaged(stored) == {NIGHT: False, MORNING: False, NOON: False}
    assert not (stored.snapshots / "damaged").exists()


def test_a_truncated_segment_does_not_stop_later_snapshots(stored: School) -> None:
    segment = stored.largest_segment
    os.truncate(segment, segment.stat().st_size // 2)
    assert not verified(stored, MORNING)
    stored.take(NOON)
    assert verified(stored, NOON)
    assert verified(stored, NIGHT)
    stored.take(EVENING)
    assert verified(stored, EVENING)


def test_a_disk_that_lost_the_last_commit_does_not_stop_later_snapshots(stored: School) -> None:
    last = stored.segments[-1]
    os.truncate(last, last.stat().st_size // 2)
    stored.take(NOON)
    assert NOON in damaged(stored)
    stored.take(EVENING)
    for name in damaged(stored):
        assert verified(stored, name), name


def test_a_damaged_list_of_snapshots_is_told_as_damage_of_the_repository_and_made_anew(stored: School) -> None:
    flip([path for path in stored.segments if path.stat().st_size > 100][-1], 0.7)
    with pytest.raises(SnapshotError) as told:
        stored.repository().verify(MORNING, stored.root / "scratch")
    assert told.value.reason is Reason.REPOSITORY_DAMAGED
    stored.take(NOON)
    assert damaged(stored) == {NIGHT: False, MORNING: False, NOON: False}
    assert verified(stored, NIGHT)


def test_damage_elsewhere_is_told_and_does_not_mark_a_good_snapshot(school: School) -> None:
    school.take(MORNING)
    first = school.largest_segment
    school.rewrite()
    school.take(NOON)
    flip(first)
    with pytest.raises(SnapshotError) as told:
        school.repository().verify(NOON, school.root / "scratch")
    assert told.value.reason is Reason.REPOSITORY_DAMAGED
    assert damaged(school) == {MORNING: False, NOON: False}


@pytest.mark.parametrize("part", [0.02, 0.6])
def test_damaged_settings_of_the_repository_are_put_back(stored: School, part: float) -> None:
    flip(stored.repository_folder / "config", part)
    assert stored.take(NOON).name == NOON


def test_a_damaged_index_is_made_anew(stored: School) -> None:
    for index in stored.repository_folder.glob("index.*"):
        flip(index)
    stored.take(NOON)
    assert damaged(stored) == {NIGHT: False, MORNING: False, NOON: False}


def test_damage_to_borgs_small_files_costs_a_snapshot_at_most(stored: School) -> None:
    (stored.repository_folder / "nonce").write_bytes(b"?" * 16)
    for file in (*stored.repository_folder.glob("hints.*"), *stored.snapshots.glob("borg/.cache/borg/*/chunks")):
        flip(file)
    with contextlib.suppress(SnapshotError):
        stored.take(NOON)
    stored.take(EVENING)
    assert not any(damaged(stored).values())
    assert verified(stored, MORNING)


def test_a_repository_whose_data_are_all_gone_is_told_and_the_next_snapshot_begins_anew(stored: School) -> None:
    shutil.rmtree(stored.repository_folder / "data")
    with pytest.raises(SnapshotError) as told:
        stored.repository().snapshots()
    assert told.value.reason is Reason.REPOSITORY_DAMAGED
    stored.take(NOON)
    assert damaged(stored) == {NOON: False}


def test_a_member_that_leads_out_of_the_folder_is_refused(stored: School, tmp_path: Path) -> None:
    from pronote_operator.snapshots.members import members_of

    good = b'{"type": "-", "path": "base.sqlite", "size": 1, "healthy": true}'
    for bad in (
        b'{"type": "-", "path": "a/annexes/../../x", "size": 1}',
        b'{"type": "-", "path": "/etc/passwd", "size": 1}',
        b'{"type": "-", "path": "other", "size": 1}',
        b'{"type": "l", "path": "a/annexes/x", "size": 1, "source": "/etc/passwd"}',
        b'{"type": "b", "path": "a/annexes/x", "size": 1}',
        b'{"type": "-", "path": "base.sqlite", "size": 1}',
        b'{"type": "-", "path": "a/annexes/x", "size": 1, "healthy": false}',
        b'{"type": "-", "path": "a/annexes/x", "size": 1, "source": "elsewhere"}',
    ):
        with pytest.raises(SnapshotError) as refused:
            members_of([good, bad], "a/annexes", MORNING)
        assert refused.value.reason is Reason.SNAPSHOT_DAMAGED
    with pytest.raises(SnapshotError):
        members_of([], "a/annexes", MORNING)
