"""What is deleted after a good snapshot, and what never is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.backuppolicy import ArchiveSchedule, BackupPolicySpec, BackupSchedule, YearEndArchives
from pronote_operator.api.snapshots import SnapshotKind, parsed_name, snapshot_name
from pronote_operator.planning.retention import SAFETY_AGE, SAFETY_KEEP, expendable
from pronote_operator.planning.snapshot_history import ListedSnapshot

NOW = datetime(2026, 11, 24, 8, 3, tzinfo=UTC)
SCHEDULED = (SnapshotKind.BACKUP, SnapshotKind.ARCHIVE, SnapshotKind.YEAR_END_ARCHIVE)


def policy(keep: int) -> BackupPolicySpec:
    return BackupPolicySpec(
        backups=BackupSchedule(keep=keep),
        archives=ArchiveSchedule(keep=keep),
        year_end_archives=YearEndArchives(keep=keep),
    )


def listed(kind: SnapshotKind, age: timedelta, *, damaged: bool = False) -> ListedSnapshot:
    return ListedSnapshot(snapshot_name(kind, (NOW - age).replace(microsecond=0)), NOW - age, damaged)


def row(kind: SnapshotKind, count: int, step: timedelta = timedelta(hours=2)) -> list[ListedSnapshot]:
    """Oldest first; the newest was just taken."""
    return [listed(kind, step * age) for age in reversed(range(count))]


def names(snapshots: Sequence[ListedSnapshot]) -> tuple[str, ...]:
    return tuple(one.name for one in snapshots)


def test_the_oldest_go_beyond_what_is_kept() -> None:
    snapshots = row(SnapshotKind.BACKUP, 15)
    going = expendable(snapshots, policy(12), taken=snapshots[-1].name, now=NOW)
    assert going == names(snapshots[:3])
    assert expendable(snapshots[3:], policy(12), taken=snapshots[-1].name, now=NOW) == ()


def test_each_kind_is_counted_apart_and_goes_after_a_good_one_of_its_own_only() -> None:
    backups, archives = row(SnapshotKind.BACKUP, 5), row(SnapshotKind.ARCHIVE, 5)
    both = [*backups, *archives]
    assert expendable(both, policy(3), taken=archives[-1].name, now=NOW) == names(archives[:2])
    assert expendable(both, policy(3), taken=backups[-1].name, now=NOW) == names(backups[:2])


def test_what_a_restore_uses_stays() -> None:
    snapshots = row(SnapshotKind.BACKUP, 15)
    in_use = frozenset({snapshots[0].name})
    going = expendable(snapshots, policy(12), taken=snapshots[-1].name, now=NOW, in_use=in_use)
    assert going == names(snapshots[1:3])


def test_a_damaged_one_counts_for_nothing_and_goes_when_a_newer_good_one_exists() -> None:
    snapshots = [replace(one, damaged=place in (4, 5)) for place, one in enumerate(row(SnapshotKind.ARCHIVE, 6))]
    assert expendable(snapshots, policy(4), taken=snapshots[3].name, now=NOW) == ()
    newer = [*snapshots, listed(SnapshotKind.ARCHIVE, -timedelta(minutes=1))]
    assert expendable(newer, policy(5), taken=newer[-1].name, now=NOW) == names(snapshots[4:6])


def test_a_young_safety_snapshot_never_goes_and_three_older_ones_stay() -> None:
    young = [listed(SnapshotKind.SAFETY, timedelta(hours=hour)) for hour in range(40)]
    old = [listed(SnapshotKind.SAFETY, SAFETY_AGE + timedelta(days=day)) for day in reversed(range(9))]
    taken = listed(SnapshotKind.BACKUP, timedelta(0))
    going = expendable([*old, *young, taken], policy(1), taken=taken.name, now=NOW)
    assert going == names(old[:-SAFETY_KEEP])


def test_a_snapshot_of_the_future_goes_first_and_the_one_just_taken_stays() -> None:
    future = [listed(SnapshotKind.BACKUP, -timedelta(days=3650 + n)) for n in range(12)]
    real = row(SnapshotKind.BACKUP, 4)
    going = expendable([*future, *real], policy(12), taken=real[-1].name, now=NOW)
    assert set(going) < set(names(future))
    assert len(going) == 4


def test_what_is_no_snapshot_is_left_alone() -> None:
    strange = ListedSnapshot("somebody-elses", NOW - timedelta(days=999))
    snapshots = row(SnapshotKind.BACKUP, 2)
    assert expendable([strange, *snapshots], policy(1), taken=snapshots[-1].name, now=NOW) == names(snapshots[:1])


ages = st.integers(-(10**6), 10**7).map(lambda seconds: timedelta(seconds=seconds))
fleets = st.lists(st.builds(listed, st.sampled_from(SnapshotKind), ages, damaged=st.booleans()), max_size=60)


@given(fleets, st.sampled_from(SCHEDULED), st.integers(1, 15), st.data(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200)
def test_enough_good_ones_always_stay(
    existing: list[ListedSnapshot], kind: SnapshotKind, keep: int, data: st.DataObject, chance: random.Random
) -> None:
    taken = listed(kind, timedelta(0))
    everything = list({one.name: one for one in [*existing, taken]}.values())
    in_use = frozenset(data.draw(st.lists(st.sampled_from([one.name for one in everything]), max_size=3)))
    going = expendable(everything, policy(keep), taken=taken.name, now=NOW, in_use=in_use)
    shuffled = list(everything)
    chance.shuffle(shuffled)
    assert expendable(shuffled, policy(keep), taken=taken.name, now=NOW, in_use=in_use) == going
    assert len(going) == len(set(going))
    left = [one for one in everything if one.name not in going]
    assert taken in left
    assert in_use.isdisjoint(going)
    for each in SnapshotKind:
        before = [one for one in everything if parsed_name(one.name)[0] is each]
        after = [one for one in left if parsed_name(one.name)[0] is each]
        good, kept = sum(not one.damaged for one in before), sum(not one.damaged for one in after)
        assert kept >= min(keep if each is not SnapshotKind.SAFETY else SAFETY_KEEP, good)
        if each is kind:
            spared = sum(one.name in in_use and not one.damaged for one in before)
            assert kept <= keep + spared
        elif each is SnapshotKind.SAFETY:
            assert all(NOW - one.taken >= SAFETY_AGE for one in before if one.name in going and not one.damaged)
        else:
            assert after == before


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
@settings(deadline=None)
def test_a_lowered_keep_deletes_with_the_next_good_one_and_a_raised_one_fills_up(keeps: list[int]) -> None:
    there: list[ListedSnapshot] = []
    for count, keep in enumerate(keeps, start=1):
        now = NOW + timedelta(hours=2 * count)
        taken = ListedSnapshot(snapshot_name(SnapshotKind.BACKUP, now), now)
        before = len(there)
        there.append(taken)
        going = expendable(there, policy(keep), taken=taken.name, now=now)
        there = [one for one in there if one.name not in going]
        assert len(there) == min(before + 1, keep)
        assert [one.taken for one in there] == sorted(one.taken for one in there)
