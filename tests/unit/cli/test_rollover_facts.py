"""Who goes over, who failed and who waits, from manifests of operators old and new."""

from __future__ import annotations

import pytest

from pronote_operator.cli.rollover_facts import Following, following, waits_for_turn
from pronote_operator.planning.roll import RollPhase
from tests.support.rollovers import Object, base, channel, half_done, read, roll


def known(manifest: Object) -> Following:
    found = following(manifest, "stable")
    assert found is not None
    return found


def test_a_base_is_of_the_channel_that_was_resolved_for_it() -> None:
    assert following(base("a", channel="preview"), "stable") is None
    new = base("a", spec={"versionChannel": "stable"})
    del new["status"]
    assert known(new).key == "schools/a"
    moved = base("a", channel="preview", spec={"versionChannel": "stable"})
    assert following(moved, "stable") is None, "it follows preview until the operator has seen the change"


@pytest.mark.parametrize(
    "told",
    [None, {}, {"phase": "Restarting"}, roll("Sleeping", "19:00"), {**roll("Done", "19:00"), "to": "2026"}],
    ids=["none", "empty", "part", "phase", "target"],
)
def test_a_roll_that_makes_no_sense_is_none(told: Object | None) -> None:
    found = known(base("a", "Rolling", roll=told))
    assert found.roll is None
    assert found.in_flight, "by the reason of UpToDate"
    assert read(channel(phase="Progressing"), [base("a", "Rolling", roll=told)]).in_flight[0].roll is None


def test_the_groups_of_those_that_wait_leave_nobody_out_and_name_nobody_twice() -> None:
    manifest, bases = half_done()
    rollover = read(manifest, bases)
    waiting = [key for group in rollover.waiting for key in group.keys]
    rest = [each.key for each in rollover.in_flight] + [each.key for each in rollover.failed]
    current = [one.key for one in rollover.fleet or () if one.current]
    assert sorted({*waiting, *rest, *current}) == [one.key for one in rollover.fleet or ()]
    assert len(waiting) == len(set(waiting))
    assert not set(waiting) & {*rest, *current}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "its turn"),
        ({"spec": {"suspend": True}, "ready": False}, "suspended (spec.suspend)"),
        ({"spec": {"inService": False}, "ready": False}, "out of service: taken when put in service"),
        ({"stalled": "mend me", "ready": False}, "stalled: to be mended by a person first"),
        ({"ready": False}, "its server is not ready"),
    ],
    ids=["turn", "suspended", "stopped", "stalled", "unready"],
)
def test_what_is_due_may_wait_for_more_than_its_turn(changes: Object, why: str) -> None:
    (group,) = read(channel(), [base("a", "RollPending", **changes)]).waiting
    assert (group.reason, group.why) == ("RollPending", why)
    assert waits_for_turn([group]) == (why == "its turn")


def test_reasons_of_a_newer_operator_are_shown_with_its_own_words() -> None:
    (group,) = read(channel(), [base("a", "MoonIsFull", "The moon is full")]).waiting
    assert (group.reason, group.why) == ("MoonIsFull", "The moon is full")


def test_a_base_that_no_operator_has_looked_at_waits_for_that() -> None:
    new = base("a")
    new["status"] = {"effective": {"versionChannel": "stable"}}
    (group,) = read(channel(), [new]).waiting
    assert group.reason == "Unknown"


def test_one_that_is_stalled_in_its_restart_failed_with_what_is_to_be_mended() -> None:
    stuck = base("a", "Rolling", roll=roll("Restarting", "19:00"), stalled="file base.HNOT is damaged")
    (failed,) = read(channel(phase="Progressing", failed=["schools/a"]), [stuck]).failed
    assert failed.why == "file base.HNOT is damaged"
    assert failed.roll is not None
    assert failed.roll.phase is RollPhase.RESTARTING


def test_a_failure_of_a_base_that_is_gone_is_named_all_the_same() -> None:
    (failed,) = read(channel(phase="Halted", failed=["schools/gone"]), []).failed
    assert (failed.key, failed.why) == ("schools/gone", "")


def test_shares_are_of_all_bases_and_one_goes_over_at_least() -> None:
    spec = {"rollout": {"maxConcurrent": "4%", "maxFailures": "2%"}}
    few, many = (read(channel(spec=spec, total=total), None) for total in (20, 200))
    assert (few.at_once, few.may_fail) == (1, 0)
    assert (many.at_once, many.may_fail) == (8, 4)
