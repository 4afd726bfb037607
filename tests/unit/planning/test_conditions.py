"""Conditions by kstatus."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.conditions import (
    MAXIMUM_MESSAGE,
    Condition,
    find_condition,
    is_true,
    merged_conditions,
    status_changed,
    timestamp,
)

NOW = datetime(2026, 11, 24, 8, 0, 0, 999_999, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
READY = Condition("Ready", "True", "Available", "the server is in service")
NOT_READY = Condition("Ready", "False", "Progressing", "the server starts")
WORKING = Condition("Reconciling", "True", "Progressing", "the server starts")

statuses: st.SearchStrategy[Literal["True", "False", "Unknown"]] = st.sampled_from(["True", "False", "Unknown"])
wanteds = st.lists(
    st.builds(
        Condition,
        type=st.sampled_from(["Ready", "Reconciling", "Stalled", "InService", "UpToDate", "BackedUp"]),
        status=statuses,
        reason=st.sampled_from(["Available", "Progressing", "Failed"]),
        message=st.text(max_size=20),
    ),
    unique_by=lambda condition: condition.type,
)


def test_a_condition_is_written_as_the_api_wants_it() -> None:
    assert merged_conditions([], [READY], 3, NOW) == [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-24T08:00:00Z",
            "reason": "Available",
            "message": "the server is in service",
        }
    ]


def test_the_transition_time_moves_with_the_status_alone() -> None:
    first = merged_conditions([], [NOT_READY], 1, NOW)
    other_words = Condition("Ready", "False", "Failed", "the image cannot be pulled")
    second = merged_conditions(first, [other_words], 2, LATER)
    assert second[0]["lastTransitionTime"] == timestamp(NOW)
    assert (second[0]["reason"], second[0]["observedGeneration"]) == ("Failed", 2)
    assert merged_conditions(second, [READY], 2, LATER)[0]["lastTransitionTime"] == timestamp(LATER)


def test_reconciling_is_removed_when_done() -> None:
    working = merged_conditions([], [NOT_READY, WORKING], 1, NOW)
    assert is_true(working, "Reconciling")
    assert find_condition(merged_conditions(working, [READY], 1, LATER), "Reconciling") is None


def test_what_is_not_abnormal_is_not_said() -> None:
    calm = [READY, Condition("Reconciling", "False", "Done"), Condition("Stalled", "False", "Fine")]
    assert [condition["type"] for condition in merged_conditions([], calm, 1, NOW)] == ["Ready"]


def test_a_type_wanted_twice_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="Ready is wanted twice"):
        merged_conditions([], [READY, NOT_READY], 1, NOW)


def test_a_message_is_cut_to_what_the_api_takes() -> None:
    long = Condition("Ready", "False", "Failed", "x" * 5000)
    message = merged_conditions([], [long], 1, NOW)[0]["message"]
    assert len(message) == MAXIMUM_MESSAGE
    assert message.endswith("…")


def test_a_damaged_previous_condition_gets_a_time() -> None:
    damaged: list[dict[str, Any]] = [{"type": "Ready", "status": "True"}, {}]
    assert merged_conditions(damaged, [READY], 1, NOW)[0]["lastTransitionTime"] == timestamp(NOW)


@given(wanteds, wanteds, st.integers(1, 9))
def test_times_of_conditions_that_keep_their_status_are_kept(
    first: list[Condition], second: list[Condition], generation: int
) -> None:
    before = merged_conditions([], first, generation, NOW)
    after = merged_conditions(before, second, generation, LATER)
    for condition in after:
        earlier = find_condition(before, condition["type"])
        same = earlier is not None and earlier["status"] == condition["status"]
        assert condition["lastTransitionTime"] == timestamp(NOW if same else LATER)
        assert condition["type"] not in ("Reconciling", "Stalled") or condition["status"] == "True"


@given(wanteds, st.integers(1, 9))
def test_a_second_pass_changes_nothing(wanted: list[Condition], generation: int) -> None:
    first = merged_conditions([], wanted, generation, NOW)
    second = merged_conditions(first, list(reversed(wanted)), generation, LATER)
    status = {"observedGeneration": generation, "conditions": first}
    again = {"conditions": second, "observedGeneration": generation}
    assert not status_changed(status, again)


def test_any_change_of_a_status_is_seen() -> None:
    old = {"observedGeneration": 1, "conditions": merged_conditions([], [READY], 1, NOW)}
    assert status_changed(None, old)
    assert status_changed(old, old | {"observedGeneration": 2})
    assert status_changed(old, old | {"conditions": []})
    assert status_changed(old | {"schoolYear": 2026}, old)
    assert not status_changed(old | {"schoolYear": None}, old)
    assert not status_changed(None, {})
