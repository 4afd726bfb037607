"""Sixty days of one base, whatever the clock, the operator, the server and the agent do meanwhile."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.backuppolicy import ArchiveSchedule, BackupPolicySpec, BackupSchedule
from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.planning.schedule import next_slot, spread_offset
from pronote_operator.planning.snapshot_job import Why
from pronote_operator.planning.snapshot_plan import ServerState
from tests.support.one_base import OneBase, damaged

DAYS = 60
STARTS = {
    "spring": datetime(2026, 3, 1, 10, 17, 23, tzinfo=UTC),
    "autumn": datetime(2026, 9, 25, 22, 5, 59, tzinfo=UTC),
}
ZONES = st.sampled_from(["Europe/Paris", "Pacific/Noumea", "America/Miquelon", "UTC"])
SCHEDULES = st.sampled_from(["0 */2 * * *", "30 2 * * *", "15 8,12,17 * * MON-FRI", "20 * * * *", "0 0 1,15 * *"])

policies = st.builds(
    lambda backups, keep_backups, archives, keep_archives, spread, deadline: BackupPolicySpec(
        backups=BackupSchedule(schedule=backups, keep=keep_backups),
        archives=ArchiveSchedule(schedule=archives, keep=keep_archives),
        spread_minutes=spread,
        starting_deadline_minutes=deadline,
    ),
    SCHEDULES,
    st.integers(1, 14),
    st.sampled_from(["30 2 * * *", "0 3 * * SUN", "0 */2 * * *"]),
    st.integers(1, 31),
    st.sampled_from([0, 1, 90, 1440]),
    st.sampled_from([1, 30, 120, 10080]),
)
starts = st.sampled_from(sorted(STARTS)).map(STARTS.__getitem__)
hours = st.integers(1, 80)
mishaps = st.one_of(
    st.tuples(st.just("run"), hours),
    st.tuples(st.just("jump"), st.integers(-60 * 24, 60 * 24)),
    st.tuples(st.just("down"), hours),
    st.tuples(st.sampled_from(["asked", "answered"]), hours),
    st.tuples(st.sampled_from(["fails", "not-ready", "stopped", "suspended", "keep", "damage", "request"]), hours),
)


def befall(base: OneBase, mishap: str, span: int) -> None:
    """One thing happens, and time goes on."""
    policy = base.policy
    assert policy is not None
    if mishap in ("jump", "down"):
        base.jump(timedelta(hours=span))
        return
    if mishap in ("asked", "answered"):
        base.dies = mishap
    base.fails = mishap == "fails"
    base.server = {"not-ready": ServerState.NOT_READY, "stopped": ServerState.STOPPED}.get(mishap, ServerState.SERVING)
    if mishap == "suspended":
        base.policy = policy.model_copy(update={"suspend": True})
    if mishap == "keep":
        base.policy = policy.model_copy(update={"backups": policy.backups.model_copy(update={"keep": 1 + span % 5})})
    if mishap == "damage" and base.agent.stored:
        damaged(base, sorted(base.agent.stored)[span % len(base.agent.stored)])
    if mishap == "request":
        base.request = snapshot_name(list(SnapshotKind)[span % 3], base.now.replace(microsecond=0))
    base.pass_time(timedelta(hours=span))
    if mishap == "suspended":
        base.policy = policy


@given(policies, ZONES, starts, st.lists(mishaps, min_size=10, max_size=45))
@settings(max_examples=15, deadline=None)
def test_each_slot_runs_at_most_once_and_each_gap_is_made_up_once(
    policy: BackupPolicySpec, tz: str, start: datetime, sequence: list[tuple[str, int]]
) -> None:
    base = OneBase(policy, tz, start)
    lived = timedelta(0)
    for mishap, span in sequence:
        if lived >= timedelta(days=DAYS):
            break
        befall(base, mishap, span)
        lived += timedelta(hours=span) if mishap != "jump" else timedelta(0)
        if mishap in ("jump", "down"):
            back, asked = base.now, len(base.asked)
            base.look()
            caught_up = Counter(run.job.kind for run in base.asked[asked:] if run.job.why is not Why.REQUESTED)
            assert all(count == 1 for count in caught_up.values()), "one catch-up of a kind in each gap"
            assert all(run.job.due <= back for run in base.asked[asked:])
    befall(base, "run", max(timedelta(days=DAYS) - lived, timedelta(0)) // timedelta(hours=1))
    assert all(count == 1 for count in base.agent.runs.values()), base.agent.runs.most_common(3)
    for kind in SnapshotKind:
        slots = [run.job.slot for run, _ in base.ended if run.job.kind is kind and run.job.why is not Why.REQUESTED]
        assert slots == sorted(set(slots)), "slots are settled in their order, each once"
        taken = [run for run, good in base.ended if good and run.job.kind is kind]
        assert len(base.agent.stored) == len(set(base.agent.stored))
        assert not taken or any(name.startswith(kind.prefix) for name in base.agent.stored)


@given(policies, ZONES, starts, st.lists(st.tuples(st.sampled_from(["asked", "answered", "idle"]), hours), max_size=30))
@settings(max_examples=15, deadline=None)
def test_restarts_lose_no_slot_and_double_none(
    policy: BackupPolicySpec, tz: str, start: datetime, deaths: list[tuple[str, int]]
) -> None:
    base = OneBase(policy, tz, start)
    for where, span in deaths:
        base.dies = where if where != "idle" else None
        base.pass_time(timedelta(hours=span))
    base.dies = None
    base.look()
    offset = spread_offset(base.uid, policy.spread_minutes)
    for kind, schedule in (
        (SnapshotKind.BACKUP, policy.backups.schedule),
        (SnapshotKind.ARCHIVE, policy.archives.schedule),
    ):
        wanted = []
        slot = next_slot(schedule, tz, start)
        while slot is not None and slot + offset <= base.now:
            wanted.append(snapshot_name(kind, slot))
            slot = next_slot(schedule, tz, slot)
        runs = [name for name in base.agent.runs if name.startswith(f"{kind.prefix}-2")]
        assert runs == wanted
    assert set(base.agent.runs.values()) <= {1}
    assert base.history.failures == 0


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_sixty_quiet_days_take_what_the_default_policy_promises(start: datetime) -> None:
    base = OneBase(BackupPolicySpec(), "Europe/Paris", start)
    base.pass_time(timedelta(days=DAYS))
    archives = [name for name in base.agent.runs if name.startswith("archive-2")]
    backups = [name for name in base.agent.runs if name.startswith("sauvegarde-2")]
    assert len(archives) == DAYS
    assert abs(len(backups) - DAYS * 12) <= 1, "the night of the change has one more, or one less"
    assert len(base.good(SnapshotKind.BACKUP)) == 12
    assert len(base.good(SnapshotKind.ARCHIVE)) == 30
    assert base.condition is not None
    assert base.condition.condition.reason == "Recent"
