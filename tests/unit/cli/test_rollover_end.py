"""When a rollover should be over: the plan's windows and dates, at the pace of the rolls that are done."""

from __future__ import annotations

import datetime as dt

import pytest

from pronote_operator.api.versionchannel import PlannedWave, Window
from pronote_operator.cli.rollover_end import Pace, expected, expected_end, measured_roll_time, untold
from pronote_operator.planning.roll import Roll, roll_of
from tests.support.rollovers import base, channel, half_done, read, roll

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
EVENING = dt.datetime(2026, 8, 26, 18, 0, tzinfo=dt.UTC)
"""20:00 in Paris."""
NIGHT = Window(start="20:00", end="05:00")


def pace(minutes: float = 4, window: Window | None = NIGHT, zone: str = "Europe/Paris") -> Pace:
    return Pace(dt.timedelta(minutes=minutes), at_once=10, soak=HOUR, window=window, zone=zone)


def wave(number: int, bases: int, start: dt.datetime | None) -> PlannedWave:
    return PlannedWave(wave=number, bases=bases, start_time=start)


def waves(count: int, start: dt.datetime = EVENING) -> list[PlannedWave]:
    """Full waves, each two minutes after the one before, as the channel plans them."""
    return [wave(number + 1, 10, start + number * 2 * MINUTE) for number in range(count)]


def done(minutes: float, version: str = "2026.2.5") -> Roll:
    manifest = roll("Done", "18:00", completedTime="18:00")
    manifest["to"] = {**manifest["to"], "version": version}
    manifest["completedTime"] = (EVENING + minutes * MINUTE).isoformat()
    found = roll_of(manifest)
    assert found is not None
    return found


def test_a_roll_takes_the_median_of_those_that_brought_this_release_well() -> None:
    failed = roll_of(roll("RolledBack", "18:00", completedTime="18:40"))
    assert failed is not None
    rolls = [done(3), done(4), done(30), done(1, "2025.2.11"), failed]
    assert measured_roll_time(rolls, "2026.2.5") == 4 * MINUTE
    assert measured_roll_time([failed], "2026.2.5") is None
    assert measured_roll_time([], None) is None


def test_waves_follow_each_other_at_the_pace_that_was_measured() -> None:
    ends, whole = expected(waves(3), 0, [], pace(4), EVENING)
    assert ends == tuple(EVENING + minutes * MINUTE for minutes in (4, 8, 12))
    assert whole == ends[-1]


def test_what_does_not_fit_the_night_goes_on_the_next_evening() -> None:
    """Nine hours hold 54 waves of ten minutes; six of sixty are left for the next evening."""
    ends, whole = expected(waves(60), 0, [], pace(10), EVENING)
    assert ends[53] == EVENING + 9 * HOUR
    assert ends[54] == EVENING + 24 * HOUR + 10 * MINUTE
    assert whole == EVENING + 24 * HOUR + HOUR


def test_the_plan_knows_the_windows_of_its_own_bases_better() -> None:
    """A wave of Nouvelle-Calédonie at 20:00 there, 11:00 in Paris, is not moved into the night of Paris."""
    noumea = dt.datetime(2026, 8, 27, 9, 0, tzinfo=dt.UTC)
    ends, _ = expected([wave(1, 3, noumea)], 0, [], pace(4), EVENING)
    assert ends == (noumea + 4 * MINUTE,)


def test_the_others_wait_until_the_canaries_have_been_ready_for_long_enough() -> None:
    plan = [wave(0, 12, EVENING), wave(1, 5, EVENING + 64 * MINUTE)]
    ends, whole = expected(plan, 0, [], pace(10), EVENING)
    assert ends == (EVENING + 20 * MINUTE, EVENING + 90 * MINUTE), "two rounds of canaries, an hour, one round"
    assert whole == ends[1]


def test_those_in_flight_are_over_when_they_have_had_their_time() -> None:
    began = [EVENING - 3 * MINUTE, EVENING - 50 * MINUTE]
    assert expected([], 0, began, pace(4), EVENING) == ((), EVENING + MINUTE)
    assert expected([], 0, began[1:], pace(4), EVENING) == ((), EVENING), "late: any moment now"
    assert expected([], 0, [], pace(4), EVENING) == ((), None)


def test_those_that_no_wave_names_yet_follow_the_last_wave() -> None:
    _, whole = expected(waves(64), 360, [], pace(4), EVENING)
    assert whole == EVENING + (64 + 36) * 4 * MINUTE
    assert untold(waves(64), 1000) == 360
    assert untold(waves(63), 1000) == 0, "a shorter plan tells all"
    assert untold(waves(64), 3) == 0


def test_a_wave_without_a_time_starts_now() -> None:
    assert expected([wave(1, 5, None)], 0, [], pace(4, window=None), EVENING)[1] == EVENING + 4 * MINUTE


def test_the_end_of_a_half_done_rollover() -> None:
    end = expected_end(read(*half_done()), EVENING + 75 * MINUTE)
    assert end.measured == 4 * MINUTE
    assert end.whole == EVENING + 83 * MINUTE, "two waves of four minutes"


@pytest.mark.parametrize("held", ["Paused", "Halted"])
def test_nobody_knows_the_end_of_what_is_held(held: str) -> None:
    manifest, bases = half_done()
    manifest["status"]["phase"] = held
    manifest["spec"]["paused"] = held == "Paused"
    end = expected_end(read(manifest, bases), EVENING)
    assert (end.waves, end.whole) == ((), None)


def test_a_plan_that_is_cut_off_is_completed_by_those_who_wait_for_their_turn() -> None:
    plan = [{"wave": number + 1, "bases": 1, "startTime": "2026-08-26T18:00:00Z"} for number in range(64)]
    manifest = channel(phase="Progressing", plan=plan, total=100, updated=10)
    stopped = [base(f"s-{number}", "RollPending", spec={"inService": False}) for number in range(10)]
    waiting = [base(f"w-{number}", "RollPending") for number in range(80)]
    assert expected_end(read(manifest, [*stopped, *waiting]), EVENING).untold == 16
    assert expected_end(read(manifest, None), EVENING).untold == 26, "the bases are not known: all that are not updated"
    manifest["status"]["phase"] = "Scheduled"
    assert expected_end(read(manifest, None), EVENING).untold == 36


def test_a_time_zone_that_this_machine_does_not_know_is_read_as_utc() -> None:
    manifest, bases = half_done()
    for each in bases:
        each["spec"]["timeZone"] = "Mars/Olympus"
    assert expected_end(read(manifest, bases), EVENING + 75 * MINUTE).whole is not None
