"""Restore drills come once in each period, spread over the fleet, and again a day after one that failed."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.backuppolicy import BackupPolicySpec, Verification
from pronote_operator.planning.snapshot_history import SnapshotHistory, after_drill
from pronote_operator.planning.snapshot_plan import PlanReason, ServerState, Situation
from pronote_operator.planning.verification import NoDrill, drill_due, drill_plan, snapshot_to_verify

CREATED = datetime(2026, 9, 1, tzinfo=UTC)
NAMES = ("archive-20261123T0130Z", "archive-20261124T0130Z", "sauvegarde-20261124T0800Z")
HISTORY = SnapshotHistory(names=NAMES)
LATE = CREATED + timedelta(days=40)


def base(now: datetime, every: int = 30, *, suspend: bool = False, **members: Any) -> Situation:
    policy = BackupPolicySpec(verification=Verification(every_days=every), suspend=suspend)
    fields: dict[str, Any] = {"policy": policy, "server": ServerState.SERVING, "uid": "a", **members}
    return Situation(tz="Europe/Paris", created=CREATED, now=now, **fields)


@given(st.text(max_size=12), st.integers(1, 366), st.integers(1, 400))
@settings(deadline=None)
def test_a_base_has_one_drill_in_each_period(uid: str, every: int, days: int) -> None:
    history, drills, now = HISTORY, list[datetime](), CREATED
    while now < CREATED + timedelta(days=days):
        plan = drill_plan(base(now, every, uid=uid), history)
        assert plan.due is not None
        if plan.name is not None:
            drills.append(now)
            history = after_drill(history, now, good=True)
        now = max(plan.due, now + timedelta(minutes=1))
    assert abs(len(drills) - days / every) <= 1
    assert all(
        abs(later - sooner - timedelta(days=every)) < timedelta(minutes=2)
        for sooner, later in itertools.pairwise(drills)
    )


def test_drills_are_spread_over_the_period() -> None:
    dues = [drill_due(f"uid-{n}", 30, CREATED, CREATED, HISTORY) for n in range(3000)]
    days = Counter((due - CREATED).days for due in dues)
    assert sorted(days) == list(range(30))
    assert max(days.values()) < 160


def test_of_many_missed_drills_one_is_made_up() -> None:
    now = CREATED + timedelta(days=300)
    plan = drill_plan(base(now), HISTORY)
    assert plan.name == NAMES[1]
    after = drill_plan(base(now), after_drill(HISTORY, now, good=True))
    assert after.reason is NoDrill.NOT_DUE
    assert after.due is not None
    assert now < after.due <= now + timedelta(days=30)


def test_a_drill_that_failed_is_tried_again_a_day_later() -> None:
    good = after_drill(HISTORY, LATE, good=True)
    failed = after_drill(good, LATE + timedelta(days=30), good=False)
    at = LATE + timedelta(days=31)
    assert drill_plan(base(at - timedelta(seconds=1)), failed).reason is NoDrill.NOT_DUE
    assert drill_plan(base(at), failed).name is not None
    recovered = after_drill(failed, at, good=True)
    assert drill_plan(base(at + timedelta(days=1), every=300), recovered).reason is NoDrill.NOT_DUE


def test_a_clock_that_went_back_repeats_no_drill() -> None:
    history = after_drill(HISTORY, LATE, good=True)
    assert all(
        drill_plan(base(LATE - timedelta(days=back)), history).reason is NoDrill.NOT_DUE for back in range(1, 38)
    )


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"server": ServerState.STOPPED}, PlanReason.SERVER_STOPPED),
        ({"server": ServerState.NOT_READY}, PlanReason.SERVER_NOT_READY),
        ({"suspend": True}, PlanReason.POLICY_SUSPENDED),
        ({"restoring": True}, PlanReason.RESTORE_RUNNING),
        ({"policy": None}, PlanReason.NO_POLICY),
    ],
)
def test_a_drill_that_is_hindered_stays_due(members: dict[str, Any], reason: PlanReason) -> None:
    assert drill_plan(base(LATE, **members), HISTORY).reason is reason
    assert drill_plan(base(LATE + timedelta(hours=1)), HISTORY).name is not None


def test_the_newest_archive_is_verified_else_the_newest_backup() -> None:
    assert snapshot_to_verify(NAMES) == NAMES[1]
    assert snapshot_to_verify(NAMES[2:]) == NAMES[2]
    assert snapshot_to_verify(("securite-20261124T080000Z", "no name")) is None
    assert drill_plan(base(LATE), SnapshotHistory()).reason is NoDrill.NO_SNAPSHOT
