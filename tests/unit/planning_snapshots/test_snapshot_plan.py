"""The one snapshot that a base takes now, or why none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pronote_operator.api.backuppolicy import ArchiveSchedule, BackupPolicySpec, BackupSchedule
from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.planning.snapshot_history import (
    ListedSnapshot,
    SnapshotHistory,
    after_failure,
    after_good,
    after_listing,
    after_missed,
)
from pronote_operator.planning.snapshot_job import Why
from pronote_operator.planning.snapshot_plan import PlanReason, ServerState, Situation, snapshot_plan

CREATED = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
EIGHT = datetime(2026, 11, 24, 8, tzinfo=UTC)
POLICY = BackupPolicySpec(
    backups=BackupSchedule(schedule="0 */2 * * *"), archives=ArchiveSchedule(schedule="0 */4 * * *"), spread_minutes=0
)
EMPTY = SnapshotHistory()
BACKUP, ARCHIVE = SnapshotKind.BACKUP, SnapshotKind.ARCHIVE


def base(now: datetime = EIGHT, **members: Any) -> Situation:
    fields: dict[str, Any] = {"policy": POLICY, "server": ServerState.SERVING, **members}
    return Situation(tz="UTC", uid="a", created=CREATED, now=now, **fields)


def policy(**members: Any) -> BackupPolicySpec:
    return POLICY.model_copy(update=members)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_archive_and_backup_of_one_hour_are_both_taken_the_archive_first() -> None:
    first = snapshot_plan(base(), EMPTY)
    assert first.job is not None
    assert (first.job.name, first.job.why) == ("archive-20261124T0800Z", Why.SCHEDULED)
    second = snapshot_plan(base(), after_good(first.history, first.job, EIGHT, EIGHT))
    assert second.job is not None
    assert second.job.name == "sauvegarde-20261124T0800Z"
    third = snapshot_plan(base(), after_failure(second.history, second.job, EIGHT))
    assert (third.job, third.reason, third.again) == (None, PlanReason.NOTHING_DUE, EIGHT + hours(2))


def test_the_agent_is_told_the_interval_and_the_deadline() -> None:
    job = snapshot_plan(base(), EMPTY).job
    assert job is not None
    assert (job.interval_seconds, job.deadline_seconds) == (4 * 3600, 2 * 3600)


def test_nothing_is_due_before_the_first_slot_after_creation() -> None:
    plan = snapshot_plan(base(CREATED), EMPTY)
    assert (plan.job, plan.reason, plan.again) == (None, PlanReason.NOTHING_DUE, EIGHT)
    assert plan.history.next_time == EIGHT


def test_a_new_history_comes_once_for_each_snapshot_and_none_while_nothing_happens() -> None:
    waiting = snapshot_plan(base(CREATED), EMPTY).history
    for minutes in range(60):
        assert snapshot_plan(base(CREATED + timedelta(minutes=minutes)), waiting).history == waiting
    due = snapshot_plan(base(EIGHT + timedelta(minutes=3)), waiting)
    assert due.history == waiting, "a snapshot that waits for a place writes nothing"


def test_a_snapshot_that_was_not_begun_stays_due_until_its_deadline_and_is_missed_then() -> None:
    nightly = policy(archives=ArchiveSchedule(schedule="0 8 * * *"), backups=BackupSchedule(schedule="0 0 1 1 *"))
    for minutes in (0, 60, 119):
        job = snapshot_plan(base(EIGHT + timedelta(minutes=minutes), policy=nightly), EMPTY).job
        assert job is not None
        assert job.slot == EIGHT
    late = snapshot_plan(base(EIGHT + hours(2), policy=nightly), EMPTY)
    assert late.job is None
    assert [(one.slot, one.failed) for one in late.missed] == [(EIGHT, True)]
    assert late.history.failures == 1
    assert snapshot_plan(base(EIGHT + hours(3), policy=nightly), late.history).missed == ()


def test_a_server_that_is_not_ready_misses_slot_after_slot() -> None:
    history = EMPTY
    for count in range(1, 7):
        now = EIGHT + hours(2 * count)
        plan = snapshot_plan(base(now, server=ServerState.NOT_READY), history)
        assert (plan.job, plan.reason) == (None, PlanReason.SERVER_NOT_READY)
        assert [one.slot for one in plan.missed if one.kind is BACKUP] == [now - hours(2)]
        history = plan.history
        assert history.of(BACKUP).failures == count
    recovered = snapshot_plan(base(EIGHT + hours(13)), history)
    assert recovered.job is not None
    assert recovered.job.slot == EIGHT + hours(12), "one catch-up of the latest"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"server": ServerState.STOPPED}, PlanReason.SERVER_STOPPED),
        ({"policy": policy(suspend=True)}, PlanReason.POLICY_SUSPENDED),
        ({"restoring": True, "server": ServerState.NOT_READY}, PlanReason.RESTORE_RUNNING),
    ],
)
def test_what_is_skipped_on_purpose_is_settled_and_no_failure(members: dict[str, Any], reason: PlanReason) -> None:
    history = EMPTY
    for count in range(5):
        plan = snapshot_plan(base(EIGHT + hours(2 * count), **members), history)
        assert (plan.job, plan.reason) == (None, reason)
        assert all(not one.failed and one.reason is reason for one in plan.missed)
        history = plan.history
    assert history.failures == 0
    assert history.of(BACKUP).last_slot == EIGHT + hours(6)
    back = snapshot_plan(base(EIGHT + hours(9)), history)
    assert back.job is not None
    assert back.job.slot == EIGHT + hours(8)


def test_nothing_is_promised_while_no_snapshot_can_come() -> None:
    serving = snapshot_plan(base(CREATED), EMPTY).history
    for members in ({"server": ServerState.STOPPED}, {"policy": policy(suspend=True)}, {"policy": None}):
        assert snapshot_plan(base(CREATED, **members), serving).history.next_time is None
    assert snapshot_plan(base(CREATED, server=ServerState.NOT_READY), serving).history == serving


def test_a_snapshot_that_exists_is_not_taken_again_although_the_status_was_lost() -> None:
    existing = [ListedSnapshot(snapshot_name(kind, EIGHT), EIGHT) for kind in (ARCHIVE, BACKUP)]
    lost = after_listing(EMPTY, existing, EIGHT)
    for server in (ServerState.SERVING, ServerState.NOT_READY):
        plan = snapshot_plan(base(EIGHT + hours(1.9), server=server), lost)
        assert (plan.job, plan.missed) == (None, ())


def test_a_base_without_a_policy_takes_none() -> None:
    plan = snapshot_plan(base(policy=None, request="archive-20261124T080000Z"), EMPTY)
    assert (plan.job, plan.reason, plan.again) == (None, PlanReason.NO_POLICY, None)


def test_a_schedule_that_means_nothing_leaves_the_other_one_working() -> None:
    broken = policy(archives=ArchiveSchedule(schedule="9-3 * * * *"))
    due = snapshot_plan(base(policy=broken), EMPTY)
    assert due.job is not None
    assert due.job.kind is BACKUP
    idle = snapshot_plan(base(CREATED, policy=broken), EMPTY)
    assert (idle.reason, idle.again) == (PlanReason.INVALID_SCHEDULE, EIGHT)


def test_a_kind_that_fails_does_not_stop_the_other_nor_its_own_next_slot() -> None:
    failed = snapshot_plan(base(), EMPTY)
    assert failed.job is not None
    other = snapshot_plan(base(), after_failure(failed.history, failed.job, EIGHT))
    assert other.job is not None
    assert other.job.kind is BACKUP
    later = snapshot_plan(base(EIGHT + hours(4)), after_failure(other.history, other.job, EIGHT))
    assert later.job is not None
    assert later.job.name == "archive-20261124T1200Z"


ASKED = EIGHT + timedelta(minutes=31, seconds=7)


@pytest.mark.parametrize("kind", [BACKUP, ARCHIVE, SnapshotKind.YEAR_END_ARCHIVE])
def test_an_extra_snapshot_goes_first_and_the_schedule_goes_on(kind: SnapshotKind) -> None:
    name = snapshot_name(kind, ASKED)
    plan = snapshot_plan(base(ASKED, request=name), EMPTY)
    assert plan.job is not None
    assert (plan.job.name, plan.job.why, plan.job.kind) == (name, Why.REQUESTED, kind)
    then = snapshot_plan(base(ASKED, request=name), after_good(plan.history, plan.job, ASKED, ASKED))
    assert then.job is not None
    assert then.job.name == "archive-20261124T0800Z"


def test_an_extra_snapshot_is_tried_once_whatever_came_of_it() -> None:
    done = after_missed(
        after_missed(EMPTY, BACKUP, EIGHT + hours(20), failed=False), ARCHIVE, EIGHT + hours(20), failed=False
    )
    name = snapshot_name(ARCHIVE, ASKED)
    job = snapshot_plan(base(ASKED, request=name), done).job
    assert job is not None
    for after in (after_good(done, job, ASKED, ASKED), after_failure(done, job, ASKED)):
        assert snapshot_plan(base(ASKED, request=name), after).job is None
        earlier = snapshot_name(BACKUP, ASKED - timedelta(minutes=1))
        assert snapshot_plan(base(ASKED, request=earlier), after).job is None, "an older one that comes back"
        later = snapshot_name(BACKUP, ASKED + timedelta(minutes=1))
        assert snapshot_plan(base(ASKED, request=later), after).job is not None
        pruned = replace(after, names=())
        assert snapshot_plan(base(ASKED, request=name), pruned).job is None


def test_an_extra_snapshot_must_be_begun_within_the_deadline_after_it_was_asked_for() -> None:
    name = snapshot_name(BACKUP, ASKED)

    def at(now: datetime) -> str | None:
        job = snapshot_plan(base(now, request=name), EMPTY).job
        return job.name if job is not None and job.why is Why.REQUESTED else None

    assert at(ASKED - timedelta(minutes=6)) is None
    assert at(ASKED - timedelta(minutes=4)) == name, "the clock of who asks may be somewhat ahead"
    assert at(ASKED + hours(2) - timedelta(seconds=1)) == name
    assert at(ASKED + hours(2)) is None
    early = snapshot_plan(base(ASKED - hours(1), request=name), EMPTY)
    assert early.again is not None
    assert early.again <= ASKED - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("please", "no name of a snapshot"),
        ("archive-20261345T0000Z", "no time"),
        ("securite-20261124T080015Z", "safety"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words_and_hinders_nothing(request_: str, words: str) -> None:
    plan = snapshot_plan(base(request=request_), EMPTY)
    assert plan.refused is not None
    assert words in plan.refused
    assert plan.job is not None
    assert plan.job.why is Why.SCHEDULED


def test_an_extra_snapshot_waits_while_snapshots_are_held() -> None:
    name = snapshot_name(BACKUP, ASKED)
    for members in ({"server": ServerState.STOPPED}, {"policy": policy(suspend=True)}, {"restoring": True}):
        plan = snapshot_plan(base(ASKED, request=name, **members), EMPTY)
        assert plan.job is None
        assert plan.history.last_request is None
