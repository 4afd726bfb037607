"""BackedUp tells people whether a school's data are safe, and says nothing new while nothing happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.backuppolicy import ArchiveSchedule, BackupPolicySpec
from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.planning.backed_up import BackedUp, backed_up
from pronote_operator.planning.snapshot_history import SnapshotHistory, after_failure, after_good, after_missed
from pronote_operator.planning.snapshot_job import SnapshotJob, Why
from pronote_operator.planning.snapshot_plan import ServerState, Situation

CREATED = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
EIGHT = datetime(2026, 11, 24, 8, tzinfo=UTC)
POLICY = BackupPolicySpec(spread_minutes=0)
EMPTY = SnapshotHistory()


def job(kind: SnapshotKind, slot: datetime) -> SnapshotJob:
    return SnapshotJob(kind, snapshot_name(kind, slot), slot, slot, slot, Why.SCHEDULED)


def taken(history: SnapshotHistory, kind: SnapshotKind, slot: datetime) -> SnapshotHistory:
    return after_good(history, job(kind, slot), slot, slot)


GOOD = taken(taken(EMPTY, SnapshotKind.ARCHIVE, datetime(2026, 11, 24, 2, 30, tzinfo=UTC)), SnapshotKind.BACKUP, EIGHT)


def judged(history: SnapshotHistory, now: datetime = EIGHT, **members: Any) -> BackedUp:
    fields: dict[str, Any] = {"policy": POLICY, "server": ServerState.SERVING, "created": CREATED, **members}
    return backed_up(Situation(tz="UTC", uid="a", now=now, **fields), history)


def told(found: BackedUp) -> tuple[str, str]:
    assert found.condition.type == "BackedUp"
    return found.condition.status, found.condition.reason


def test_a_base_with_what_its_schedule_promises_is_backed_up() -> None:
    found = judged(GOOD)
    assert told(found) == ("True", "Recent")
    assert found.condition.message == (
        "The newest snapshot is of 2026-11-24T08:00:00Z, the newest archive of 2026-11-24T02:30:00Z"
    )


def test_a_snapshot_is_recent_until_the_next_one_has_passed_its_deadline() -> None:
    turns = EIGHT + timedelta(hours=4)
    assert judged(GOOD).again == turns
    assert told(judged(GOOD, turns - timedelta(seconds=1))) == ("True", "Recent")
    late = judged(GOOD, turns)
    assert told(late) == ("False", "TooOld")
    assert "no backup since the one due at 2026-11-24T10:00:00Z" in late.condition.message


def test_an_archive_that_is_missing_makes_recent_backups_no_better() -> None:
    now = datetime(2026, 11, 25, 4, 30, tzinfo=UTC)
    history = taken(GOOD, SnapshotKind.BACKUP, now - timedelta(minutes=10))
    late = judged(history, now)
    assert told(late) == ("False", "TooOld")
    assert "no archive since the one due at 2026-11-25T02:30:00Z" in late.condition.message


def test_a_recent_archive_counts_as_a_backup() -> None:
    history = taken(GOOD, SnapshotKind.ARCHIVE, EIGHT + timedelta(hours=3))
    assert told(judged(history, EIGHT + timedelta(hours=5))) == ("True", "Recent")


def test_a_new_base_has_none_yet_and_is_told_when() -> None:
    found = judged(EMPTY, CREATED, created=CREATED)
    assert told(found) == ("False", "NeverTaken")
    assert found.condition.message == "No snapshot was taken yet; the first one is due at 2026-11-20T08:00:00Z"


def test_failures_are_counted_by_kind() -> None:
    history = after_failure(GOOD, job(SnapshotKind.BACKUP, EIGHT + timedelta(hours=2)), EIGHT)
    history = after_missed(history, SnapshotKind.BACKUP, EIGHT + timedelta(hours=4), failed=True)
    history = after_failure(history, job(SnapshotKind.ARCHIVE, EIGHT), EIGHT)
    found = judged(history, EIGHT + timedelta(hours=6))
    assert told(found) == ("False", "Failing")
    assert found.condition.message.startswith(
        "2 backups failed or missed, since the good one of 2026-11-24T08:00:00Z; 1 archive failed or missed"
    )
    never = judged(after_failure(EMPTY, job(SnapshotKind.BACKUP, EIGHT), EIGHT))
    assert never.condition.message == "1 backup failed or missed, none was good yet. There is no good snapshot"


def test_a_stopped_base_is_as_safe_as_its_newest_snapshot_for_as_long_as_it_is_stopped() -> None:
    for days in (0, 60):
        found = judged(GOOD, EIGHT + timedelta(days=days), server=ServerState.STOPPED)
        assert told(found) == ("True", "ServerStopped")
        assert found.again is None
    assert told(judged(EMPTY, server=ServerState.STOPPED)) == ("False", "ServerStopped")


def test_under_a_suspended_policy_a_base_is_safe_while_its_snapshots_are_recent() -> None:
    suspended = POLICY.model_copy(update={"suspend": True})
    found = judged(GOOD, policy=suspended)
    assert told(found) == ("True", "PolicySuspended")
    assert found.again is not None
    assert told(judged(GOOD, found.again, policy=suspended)) == ("False", "PolicySuspended")


def test_without_a_policy_nothing_is_backed_up() -> None:
    assert told(judged(GOOD, policy=None)) == ("False", "NoPolicy")


def test_a_schedule_that_means_nothing_is_told() -> None:
    broken = POLICY.model_copy(update={"archives": ArchiveSchedule(schedule="9-3 * * * *")})
    found = judged(GOOD, policy=broken)
    assert told(found) == ("False", "InvalidSchedule")
    assert "9-3 * * * *" in found.condition.message


def test_a_clock_that_went_back_is_told_with_the_way_out() -> None:
    ahead = after_missed(GOOD, SnapshotKind.BACKUP, EIGHT + timedelta(days=3650), failed=False)
    found = judged(ahead)
    assert told(found) == ("False", "ClockWentBack")
    assert "remove status.snapshots.kinds" in found.condition.message
    assert told(judged(replace(GOOD, kinds=()))) != ("False", "ClockWentBack")


@given(
    st.sampled_from([EMPTY, GOOD, after_failure(GOOD, job(SnapshotKind.BACKUP, EIGHT), EIGHT)]),
    st.sampled_from(ServerState),
    st.sampled_from([POLICY, POLICY.model_copy(update={"suspend": True}), None]),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.floats(0, 1),
)
@settings(deadline=None)
def test_it_changes_with_time_alone_only_when_it_said_that_it_would(
    history: SnapshotHistory, server: ServerState, policy: BackupPolicySpec | None, after: timedelta, share: float
) -> None:
    now = EIGHT + after
    found = judged(history, now, server=server, policy=policy)
    horizon = found.again or now + timedelta(days=400)
    assert horizon > now
    between = now + (horizon - now) * share
    if between < horizon:
        assert judged(history, between, server=server, policy=policy) == found
    if found.again is not None:
        assert judged(history, found.again, server=server, policy=policy) != found
