"""Conditions of a base keep kstatus' promises for everything that can be found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.base_status import Found, Verdict, as_wanted, conditions
from pronote_operator.planning.conditions import Condition
from pronote_operator.planning.facts import StatefulSetFacts

versions = st.sampled_from(["2026.2.5", "2026.2.6"])
statefulsets = st.builds(
    StatefulSetFacts,
    replicas=st.integers(0, 1),
    ready=st.booleans(),
    rolling=st.booleans(),
    gone=st.booleans(),
    version=versions,
    image=st.just("image"),
    roll_inputs=st.just("hash"),
)
words = st.none() | st.just("words")
found_things = st.builds(
    Found,
    in_service=st.booleans(),
    suspended=st.booleans(),
    statefulset=st.none() | statefulsets,
    stalled=st.none() | st.just(Verdict("WeakSuperAdminPassword", "too weak")),
    missing=words,
    waiting=words,
    pod=words,
)


def by_type(found: Found) -> dict[str, Condition]:
    wanted = conditions(found)
    assert len({condition.type for condition in wanted}) == len(wanted), "each type once"
    return {condition.type: condition for condition in wanted}


@given(found_things)
def test_ready_is_true_only_when_the_base_is_as_asked_and_nothing_is_in_the_way(found: Found) -> None:
    here = by_type(found)
    if here["Ready"].status == "True":
        assert as_wanted(found)
        assert found.stalled is None
        assert found.missing is None
        assert "Stalled" not in here
        assert "Reconciling" not in here


@given(found_things)
def test_stalled_and_reconciling_exclude_each_other(found: Found) -> None:
    here = by_type(found)
    assert not {"Stalled", "Reconciling"} <= here.keys()
    assert ("Stalled" in here) == (found.stalled is not None)


@given(found_things)
def test_every_condition_says_why(found: Found) -> None:
    for condition in conditions(found):
        assert condition.reason
        assert condition.message


@given(found_things)
def test_a_server_that_serves_is_in_service_whatever_else_is_wrong(found: Found) -> None:
    serving = found.statefulset is not None and found.statefulset.ready
    assert (by_type(found)["InService"].status == "True") == serving
