"""The status of a policy sums up its bases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.backuppolicy import BackupPolicy, BackupPolicyStatus
from pronote_operator.planning.conditions import status_changed
from pronote_operator.planning.policy_status import CoveredBase, policy_status

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def policy(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> BackupPolicy:
    return BackupPolicy.model_validate(
        {"metadata": {"name": "default", "generation": 3}, "spec": spec or {}, "status": status or {}}
    )


def reasons(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def test_it_counts_the_bases_and_tells_the_oldest_of_their_newest_snapshots() -> None:
    bases = [
        CoveredBase(backed_up=True, failing=False, last_backup=NOW),
        CoveredBase(backed_up=False, failing=True, last_backup=NOW - timedelta(days=2)),
        CoveredBase(backed_up=False, failing=False, last_backup=None),
    ]
    status = policy_status(policy(), bases, NOW)
    assert reasons(status) == {"Ready": ("True", "Scheduled")}
    conditions = status.pop("conditions")
    assert conditions[0]["observedGeneration"] == 3
    assert status == {
        "observedGeneration": 3,
        "bases": 3,
        "backedUp": 1,
        "failing": 1,
        "oldestBackupTime": "2026-11-22T08:00:00Z",
    }


def test_where_not_all_bases_are_seen_no_figure_is_told() -> None:
    assert set(policy_status(policy(), None, NOW)) == {"observedGeneration", "conditions"}


def test_a_suspended_policy_is_ready_and_says_so() -> None:
    assert reasons(policy_status(policy({"suspend": True}), [], NOW)) == {"Ready": ("True", "Suspended")}


@pytest.mark.parametrize("member", ["backups", "archives"])
def test_a_schedule_that_means_nothing_must_be_mended(member: str) -> None:
    status = policy_status(policy({member: {"schedule": "0 0 31 4 *"}}), [], NOW)
    assert reasons(status) == {"Ready": ("False", "InvalidSchedule"), "Stalled": ("True", "InvalidSchedule")}
    assert f"spec.{member}.schedule" in status["conditions"][0]["message"]


covered = st.builds(
    CoveredBase,
    st.booleans(),
    st.booleans(),
    st.none() | st.datetimes(datetime(2026, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@given(st.none() | st.lists(covered, max_size=6), st.booleans(), st.timedeltas(timedelta(0), timedelta(days=400)))
@settings(deadline=None)
def test_what_was_written_is_not_written_again(
    bases: list[CoveredBase] | None, suspend: bool, later: timedelta
) -> None:
    spec = {"suspend": suspend}
    first = policy_status(policy(spec), bases, NOW)
    BackupPolicyStatus.model_validate(first)
    assert not status_changed(first, policy_status(policy(spec, first), bases, NOW + later))
