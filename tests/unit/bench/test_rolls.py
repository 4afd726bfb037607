"""The bound of a rollout, and what follows from many rolls."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from bench.roll_watch import RollWatch
from bench.rolls import Roll, bound, most_at_once, rates, roll_of

ROLL = Roll(asked=10.0, archived=13.0, ended=15.5, ready=22.0, confirmed=22.5, pods=1)


@pytest.mark.parametrize(
    ("bases", "at_once", "seconds", "least"),
    [(1000, 50, 12.0, 240.0), (1000, 1000, 12.0, 12.0), (3, 50, 12.0, 12.0), (0, 50, 12.0, 0.0)],
)
def test_all_rolls_take_at_least_as_long_as_with_every_place_taken_all_the_time(
    bases: int, at_once: int, seconds: float, least: float
) -> None:
    assert bound(bases, at_once, seconds) == least


def test_where_no_base_may_be_rolled_there_is_no_bound() -> None:
    with pytest.raises(ValueError, match="no base may be rolled"):
        bound(1000, 0, 12.0)


def test_a_roll_takes_as_long_as_its_parts() -> None:
    assert ROLL.seconds == 12.5
    assert sum(ROLL.parts().values()) == ROLL.seconds


def test_a_roll_is_known_once_its_agent_has_seen_the_end_of_it() -> None:
    assert roll_of({**asdict(ROLL), "refused": 0}) == ROLL
    assert roll_of({**asdict(ROLL), "confirmed": None}) is None


def test_rolls_that_overlap_are_counted_and_one_that_begins_as_another_ends_is_not() -> None:
    assert most_at_once([(0, 2), (1, 3), (2, 4), (5, 6)]) == 2
    assert most_at_once([]) == 0


def test_the_rate_of_a_counter_is_told_between_readings() -> None:
    assert rates([(0.0, 100), (1.0, 110), (3.0, 150), (3.0, 150)]) == [10.0, 20.0]


def test_the_status_tells_who_is_in_flight_and_who_is_done() -> None:
    def base(name: str, phase: str, version: str = "2026.2.6", **times: str) -> dict[str, object]:
        target = {"version": version, "image": f"server:{version}", "schoolYear": 2026}
        roll = {"id": "1", "phase": phase, "channelGeneration": 2, "from": target, "to": target, **times}
        return {"metadata": {"namespace": "a", "name": name}, "status": {"roll": roll}}

    watch = RollWatch(None, "2026.2.6")  # type: ignore[arg-type]
    started = "2026-09-01T20:00:00Z"
    watch.changed({"metadata": {"namespace": "a", "name": "x"}, "status": {}})
    watch.changed(base("w", "Done", "2026.2.5", startedTime=started, completedTime="2026-09-01T20:00:12Z"))
    watch.changed(base("x", "Archiving", startedTime=started))
    watch.changed(base("y", "Restarting", startedTime=started))
    watch.changed(base("x", "Done", startedTime=started, completedTime="2026-09-01T20:00:12Z"))
    watch.changed(base("z", "RolledBack", startedTime=started, completedTime="2026-09-01T20:00:12Z"))
    assert (watch.most_in_flight, watch.in_flight) == (2, 1)
    assert watch.done == {("a", "x"): 12.0}
    assert watch.failed == ["a/z"]
