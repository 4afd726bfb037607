"""Ten thousand bases that share an hour, in virtual time: the planners and the places are the real ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bench import planner
from bench.fleet_simulation import Fleet

LIMIT = planner.policy().max_concurrent
SPREAD = timedelta(minutes=planner.policy().spread_minutes)


def test_ten_thousand_bases_are_done_inside_the_spread_twenty_at_a_time() -> None:
    fleet = Fleet(planner.BASES, planner.policy(), planner.START, planner.duration)
    fleet.run(planner.SLOT + SPREAD)
    found = fleet.outcome
    assert len(found.done) == planner.BASES
    assert found.peak == LIMIT
    assert set(found.runs.values()) == {1}
    assert found.done[-1][1] <= planner.SLOT + SPREAD


@pytest.mark.parametrize("down", [timedelta(seconds=1), timedelta(seconds=7), timedelta(minutes=40)])
def test_a_restart_joins_what_runs_and_doubles_nothing(down: timedelta) -> None:
    fleet = Fleet(1000, planner.policy().model_copy(update={"max_concurrent": 3}), planner.START, planner.duration)
    for _ in range(4):
        fleet.run(fleet.now + timedelta(minutes=17))
        fleet.restart(down)
    fleet.run(planner.SLOT + timedelta(hours=3.5))
    found = fleet.outcome
    assert set(found.runs.values()) == {1}
    assert found.peak == 3
    first = [done for due, done in found.done if due < planner.SLOT + timedelta(hours=2)]
    assert len(first) == 1000, "no base lost its slot"


def test_broken_bases_delay_no_other() -> None:
    def latest(broken: int) -> timedelta:
        fleet = Fleet(2000, planner.policy(), planner.START, planner.duration, broken=broken)
        fleet.run(planner.SLOT + timedelta(hours=2))
        assert len(fleet.outcome.done) == 2000 - broken
        return max(done - due for due, done in fleet.outcome.done)

    assert latest(500) <= latest(0) + timedelta(seconds=planner.LONGEST)


def test_the_figures_meet_their_goals() -> None:
    figures = planner.measure(500)
    assert [figure.key for figure in figures] == ["g", "g", "g"]
    assert all(figure.met for figure in figures), figures
