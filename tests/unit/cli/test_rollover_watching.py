"""When a rollover that is watched is over."""

from __future__ import annotations

import pytest

from pronote_operator.cli.rollover_watching import outcome
from tests.support.rollovers import Object, base, channel, read, roll


def over(manifest: Object, bases: list[Object] | None, *, begun: bool = True) -> bool:
    """Whether the watch ends well; it may not end badly here."""
    found = outcome(read(manifest, bases), begun=begun)
    assert found is None or found.good
    return found is not None


def test_scheduled_is_the_end_only_of_what_was_seen_to_go_on() -> None:
    done = channel(phase="Scheduled"), [base("a")]
    assert over(*done, begun=True)
    assert not over(*done, begun=False), "it has yet to begin"
    assert over(channel(), [base("a")], begun=False), "current is the end in any case"


def test_an_end_by_an_earlier_spec_is_none() -> None:
    assert not over(channel(phase="Scheduled", observedGeneration=3), [base("a")])


@pytest.mark.parametrize(
    ("one", "hinders"),
    [
        (base("a"), False),
        (base("a", "RollPending"), True),
        (base("a", "RollPending", ready=False), True),
        (base("a", "Rolling", roll=roll("Restarting", "19:00")), True),
        (base("a", "RollingBack", roll=roll("RollingBack", "19:00")), True),
        (base("a", "RolledBack", roll=roll("RolledBack", "19:00", completedTime="19:20")), False),
        (base("a", "ReleaseNotListed"), False),
        (base("a", "AheadOfChannel"), False),
        (base("a", "PinnedYearTooFar"), False),
        (base("a", "RollPending", ready=False, spec={"inService": False}), False),
        (base("a", "RollPending", ready=False, spec={"suspend": True}), False),
        (base("a", "Rolling", roll=roll("Restarting", "19:00"), ready=False, stalled="mend me"), False),
    ],
    ids=[
        "current",
        "turn",
        "unready",
        "rolling",
        "going-back",
        "failed",
        "withdrawn",
        "ahead",
        "pinned",
        "stopped",
        "suspended",
        "stalled",
    ],
)
def test_who_owes_nothing_or_is_out_of_reach_does_not_hinder_the_end(one: Object, hinders: bool) -> None:
    assert over(channel(phase="Scheduled", updated=19), [base("b"), one]) is not hinders


def test_one_that_the_channel_tells_to_go_over_hinders_it() -> None:
    assert not over(channel(phase="Scheduled", updating=["schools/a"]), [base("a")])


def test_without_the_bases_the_figures_must_tell_that_nobody_is_left() -> None:
    assert over(channel(phase="Scheduled", updated=20), None)
    assert not over(channel(phase="Scheduled", updated=19), None), "it may wait for the next night"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Canary"}, True),
        ({"phase": "Progressing"}, True),
        ({"phase": "Paused", "updating": ["schools/a"]}, True),
        ({"phase": "Paused"}, False),
        ({"phase": "Scheduled"}, False),
        ({"phase": "Current"}, False),
    ],
    ids=["canaries", "others", "paused-in-flight", "paused", "scheduled", "current"],
)
def test_it_goes_on_with_canaries_others_or_the_last_in_flight(status: Object, expected: bool) -> None:
    assert read(channel(**status), None).going_on is expected
