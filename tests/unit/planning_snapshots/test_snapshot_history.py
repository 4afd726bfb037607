"""A history is what the status keeps: equal for equal news, and whole after being written and read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.base_status import SnapshotsStatus
from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.planning.snapshot_history import (
    MAX_NAMES,
    ListedSnapshot,
    SnapshotHistory,
    after_drill,
    after_failure,
    after_good,
    after_listing,
    after_missed,
    history_of,
    manifest_of,
    with_next_time,
)
from pronote_operator.planning.snapshot_job import SnapshotJob, Why

SLOT = datetime(2026, 11, 24, 8, tzinfo=UTC)
NOW = SLOT + timedelta(minutes=17, seconds=3, microseconds=250)
EMPTY = SnapshotHistory()


def job(kind: SnapshotKind = SnapshotKind.BACKUP, slot: datetime = SLOT, why: Why = Why.SCHEDULED) -> SnapshotJob:
    return SnapshotJob(kind, snapshot_name(kind, slot), slot, slot, slot + timedelta(hours=2), why)


def listed(kind: SnapshotKind, slot: datetime, *, damaged: bool = False) -> ListedSnapshot:
    return ListedSnapshot(snapshot_name(kind, slot), slot + timedelta(seconds=5), damaged)


kinds = st.sampled_from(SnapshotKind)
times = st.integers(0, 10**7).map(lambda seconds: SLOT + timedelta(seconds=seconds, microseconds=seconds % 999_983))
jobs = st.builds(job, kinds, times.map(lambda moment: moment.replace(microsecond=0)), st.sampled_from(Why))
lists = st.lists(st.builds(listed, kinds, times, damaged=st.booleans()), max_size=8)


@st.composite
def histories(draw: st.DrawFn) -> SnapshotHistory:
    history = EMPTY
    for step in draw(st.lists(st.sampled_from(["good", "failure", "missed", "list", "drill", "next"]), max_size=8)):
        now = draw(times)
        if step == "good":
            history = after_good(history, draw(jobs), draw(times), now)
        elif step == "failure":
            history = after_failure(history, draw(jobs), now)
        elif step == "missed":
            history = after_missed(history, draw(kinds), draw(times), failed=draw(st.booleans()))
        elif step == "list":
            history = after_listing(history, draw(lists), now)
        elif step == "drill":
            history = after_drill(history, now, good=draw(st.booleans()))
        else:
            history = with_next_time(history, draw(st.none() | times))
    return history


@given(histories())
@settings(deadline=None)
def test_what_is_written_is_read_back(history: SnapshotHistory) -> None:
    manifest = json.loads(json.dumps(manifest_of(history)))
    status = SnapshotsStatus.model_validate(manifest)
    assert history_of(status) == history
    assert manifest_of(history_of(status)) == manifest


@given(histories(), lists, times)
@settings(deadline=None)
def test_the_same_list_again_changes_nothing(
    history: SnapshotHistory, existing: list[ListedSnapshot], now: datetime
) -> None:
    once = after_listing(history, existing, now)
    assert after_listing(once, reversed(existing), now) == once


def test_nothing_is_written_of_a_base_without_any_history() -> None:
    assert manifest_of(EMPTY) == {}
    assert history_of(SnapshotsStatus()) == EMPTY


def test_a_good_backup_settles_its_slot_and_ends_the_failures_of_its_kind() -> None:
    failed = after_failure(
        after_failure(EMPTY, job(slot=SLOT - timedelta(hours=2)), NOW), job(SnapshotKind.ARCHIVE), NOW
    )
    assert failed.failures == 2
    good = after_good(failed, job(), SLOT + timedelta(minutes=17), NOW)
    assert manifest_of(good) == {
        "names": ["sauvegarde-20261124T0800Z"],
        "lastBackupTime": "2026-11-24T08:17:00Z",
        "failures": 1,
        "kinds": [
            {
                "kind": "Backup",
                "lastSlotTime": "2026-11-24T08:00:00Z",
                "lastAttemptTime": "2026-11-24T08:17:03Z",
                "lastSuccessTime": "2026-11-24T08:17:00Z",
                "failures": 0,
                "kept": 1,
            },
            {
                "kind": "Archive",
                "lastSlotTime": "2026-11-24T08:00:00Z",
                "lastAttemptTime": "2026-11-24T08:17:03Z",
                "failures": 1,
                "kept": 0,
            },
        ],
    }


def test_an_archive_counts_as_the_newest_snapshot_and_as_the_newest_archive() -> None:
    good = after_good(EMPTY, job(SnapshotKind.ARCHIVE), NOW, NOW)
    assert good.last_backup == good.last_archive == NOW.replace(microsecond=0)
    assert after_good(EMPTY, job(), NOW, NOW).last_archive is None


def test_an_extra_snapshot_is_remembered_and_settles_no_slot() -> None:
    for after in (
        after_good(EMPTY, job(why=Why.REQUESTED), NOW, NOW),
        after_failure(EMPTY, job(why=Why.REQUESTED), NOW),
    ):
        assert after.last_request == job().name
        assert after.of(SnapshotKind.BACKUP).last_slot is None


def test_a_missed_slot_fails_and_a_skipped_one_does_not() -> None:
    missed = after_missed(EMPTY, SnapshotKind.BACKUP, SLOT, failed=True)
    assert (missed.failures, missed.of(SnapshotKind.BACKUP).last_slot) == (1, SLOT)
    assert after_missed(EMPTY, SnapshotKind.BACKUP, SLOT, failed=False).failures == 0


def test_a_list_gives_a_lost_status_its_names_and_times_back() -> None:
    existing = [listed(SnapshotKind.BACKUP, SLOT), listed(SnapshotKind.SAFETY, SLOT - timedelta(days=1))]
    found = after_listing(EMPTY, existing, NOW)
    assert found.names == ("securite-20261123T0800Z", "sauvegarde-20261124T0800Z")
    assert found.last_backup == SLOT + timedelta(seconds=5)
    assert found.last_archive == SLOT - timedelta(days=1) + timedelta(seconds=5)
    assert (found.of(SnapshotKind.BACKUP).kept, found.of(SnapshotKind.SAFETY).kept) == (1, 1)


def test_a_list_without_snapshots_takes_the_times_of_a_lost_volume_away() -> None:
    lost = after_listing(after_good(EMPTY, job(), NOW, NOW), [], NOW)
    assert (lost.names, lost.last_backup, lost.of(SnapshotKind.BACKUP).kept) == ((), None, 0)
    assert lost.of(SnapshotKind.BACKUP).last_slot == SLOT


def test_a_damaged_snapshot_is_there_and_does_not_count() -> None:
    found = after_listing(EMPTY, [listed(SnapshotKind.ARCHIVE, SLOT, damaged=True)], NOW)
    assert found.names == ("archive-20261124T0800Z",)
    assert (found.last_backup, found.last_archive, found.of(SnapshotKind.ARCHIVE).kept) == (None, None, 0)


def test_a_good_one_that_nobody_had_heard_of_ends_a_row_of_failures() -> None:
    failed = after_failure(EMPTY, job(slot=SLOT - timedelta(hours=2)), NOW - timedelta(hours=2))
    assert after_listing(failed, [listed(SnapshotKind.BACKUP, SLOT)], NOW).failures == 0
    again = after_failure(after_good(EMPTY, job(), SLOT + timedelta(seconds=5), NOW), job(slot=NOW), NOW)
    assert after_listing(again, [listed(SnapshotKind.BACKUP, SLOT)], NOW).failures == 1


def test_a_time_from_a_clock_that_was_ahead_does_not_count() -> None:
    future = listed(SnapshotKind.BACKUP, SLOT + timedelta(days=4000))
    found = after_listing(EMPTY, [listed(SnapshotKind.BACKUP, SLOT), future], NOW)
    assert found.last_backup == SLOT + timedelta(seconds=5)
    assert found.of(SnapshotKind.BACKUP).kept == 2
    ahead = after_good(EMPTY, job(slot=SLOT + timedelta(days=4000)), future.taken, future.taken)
    assert after_good(ahead, job(), NOW, NOW).last_backup == NOW.replace(microsecond=0)


def test_the_newest_names_are_kept_where_there_are_too_many() -> None:
    existing = [listed(SnapshotKind.BACKUP, SLOT + timedelta(minutes=n)) for n in range(MAX_NAMES + 44)]
    found = after_listing(EMPTY, existing, NOW + timedelta(days=1))
    assert len(found.names) == MAX_NAMES
    assert found.names[0] == "sauvegarde-20261124T0844Z"
    assert list(found.names) == sorted(found.names)


def test_names_stand_in_the_order_of_their_times_with_and_without_seconds() -> None:
    names = ["sauvegarde-20261124T080015Z", "archive-20261124T0801Z", "sauvegarde-20261124T0800Z"]
    found = after_listing(EMPTY, [ListedSnapshot(name, NOW) for name in names], NOW)
    assert found.names == (names[2], names[0], names[1])


def test_a_drill_that_fails_leaves_the_time_of_the_last_good_one() -> None:
    good = after_drill(EMPTY, NOW, good=True)
    failed = after_drill(good, NOW + timedelta(days=30), good=False)
    assert failed.last_verified == good.last_drill == NOW.replace(microsecond=0)
    assert failed.last_drill == NOW.replace(microsecond=0) + timedelta(days=30)
