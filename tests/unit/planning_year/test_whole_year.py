"""A fleet through sixteen months, with a plain oracle that looks at every base on every day."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bench.year_oracle import OracleError
from bench.year_simulation import Year
from bench.year_world import School
from pronote_operator.planning import outlook, rollover, waves
from pronote_operator.planning.school_year import DueTurn, YearPlan, year_plan

SEPTEMBER = datetime(2026, 9, 5, tzinfo=UTC)


def test_every_base_has_its_year_and_its_release_on_every_day() -> None:
    year = Year(60)
    found = year.run()
    assert found.looks > 60 * 400
    assert found.halts
    assert found.failures > 0
    turned = [school for school in year.schools.values() if school.template.runs.school_year == 2027]
    assert len(turned) > 50
    assert all(
        school.template.runs.version == "2027.2.6" for school in turned if school.roll and not school.roll.failed
    )


def simulated(count: int = 60, end: datetime = SEPTEMBER) -> Callable[[], Year]:
    def run() -> Year:
        year = Year(count, end, restarts=1)
        year.run()
        return year

    return run


def test_year_and_release_of_late_august_cost_a_school_one_restart() -> None:
    first, last = datetime(2026, 8, 24, tzinfo=UTC), datetime(2026, 9, 4, tzinfo=UTC)

    def plain(school: School) -> bool:
        ordinary = school.pin is None and school.moves is None and school.stopped_until is None
        return ordinary and not school.failed and (school.channel, school.region.calendar) == ("stable", "metropole")

    schools = [school for school in simulated()().schools.values() if plain(school)]
    assert len(schools) > 25
    for school in schools:
        assert len([moment for moment in school.restarts if first < moment < last]) == 1
        assert (school.template.runs.version, school.template.runs.school_year) == ("2026.2.5", 2026)


def test_the_oracle_sees_a_year_that_does_not_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "year_plan", lambda school, now: replace(year_plan(school, now), turn=None))
    with pytest.raises(OracleError, match="after the switchover"):
        simulated()()


def test_the_oracle_sees_a_year_that_turns_too_early(monkeypatch: pytest.MonkeyPatch) -> None:

    def early(school: object, now: datetime) -> YearPlan:
        plan = year_plan(school, now)  # type: ignore[arg-type]
        following = plan.next_turn
        if following is None or following.since is None or following.since > now + timedelta(days=9):
            return plan
        return replace(plan, turn=DueTurn(following.year, following.from_, now))

    monkeypatch.setattr(outlook, "year_plan", early)
    with pytest.raises(OracleError, match="before its time"):
        simulated()()


def test_the_oracle_sees_who_begins_by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves, "is_open", lambda window, tz, now: True)
    with pytest.raises(OracleError, match="o'clock"):
        simulated()()


def test_the_oracle_sees_too_many_at_once_and_a_rollout_that_does_not_halt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves.Waves, "_limit", lambda self, rules: 10)
    with pytest.raises(OracleError, match="in flight"):
        simulated()()
    monkeypatch.undo()
    monkeypatch.setattr(waves.Waves, "_halted", lambda self, rules, failed: "")
    with pytest.raises(OracleError, match="failures"):
        simulated(150)()


def test_the_oracle_sees_a_roll_that_is_tried_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollover, "was_tried", lambda wish, facts, roll: False)
    monkeypatch.setattr(outlook, "was_tried", lambda wish, facts, roll: False)
    with pytest.raises(OracleError, match="twice"):
        simulated(150)()
