"""Who may be rolled now."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.versionchannel import Window
from pronote_operator.planning.wave_plan import LONGEST_PLAN, WaveGroup, planned_waves
from pronote_operator.planning.waves import Rules, WaveMember, Waves, order_of, release_part, year_part

PARIS, NOUMEA = "Europe/Paris", "Pacific/Noumea"
EVENING = datetime(2026, 8, 26, 18, 0, tzinfo=UTC)
"""Eight o'clock in Paris, where the window opens; five in the morning in Nouméa, where it closes."""
NIGHT = Window(start="20:00", end="05:00")
SOAK = timedelta(minutes=60)
RULES = Rules(NIGHT, max_concurrent=3, max_failures="10%", soak=SOAK, generation=4)
ANY_HOUR = replace(RULES, window=None)
NEW = release_part("2026.2.5", "pronote:new")
YEAR = year_part("metropole", 2026)


def waiting(number: int, *parts: str, tz: str = PARIS) -> WaveMember:
    return WaveMember(f"ns/base-{number}", f"uid-{number}", tz, parts=parts or (NEW,), updated=False)


def current(number: int) -> WaveMember:
    return WaveMember(f"ns/base-{number}", f"uid-{number}", PARIS)


def canary(number: int, *parts: str) -> WaveMember:
    return replace(waiting(number, *parts), canary=True, lacks=parts or (NEW,))


def taken(member: WaveMember, since: datetime | None) -> WaveMember:
    return replace(member, parts=(), lacks=(), took=member.parts, ready_since=since, updated=True)


def by_order(members: list[WaveMember]) -> list[str]:
    return [member.key for member in sorted(members, key=lambda member: order_of(member.uid))]


def test_so_many_at_once_in_the_order_of_their_uids() -> None:
    fleet = [waiting(n) for n in range(30)]
    found = Waves(fleet).decide(RULES, EVENING)
    assert list(found.begin) == by_order(fleet)[:3]
    assert (found.phase, found.waiting) == ("Progressing", 30)


def test_a_base_in_flight_takes_a_place_and_is_not_begun_twice() -> None:
    fleet = [waiting(n) for n in range(10)]
    waves = Waves(fleet)
    first = waves.decide(RULES, EVENING).begin[0]
    waves.put(replace(next(one for one in fleet if one.key == first), in_flight=True))
    found = waves.decide(RULES, EVENING)
    assert found.in_flight == (first,)
    assert list(found.begin) == by_order(fleet)[1:3]
    assert not waves.may_begin(first, RULES, EVENING)


def test_a_percentage_is_of_all_bases_and_at_least_one() -> None:
    fleet = [waiting(n) for n in range(30)]
    assert len(Waves(fleet).decide(replace(RULES, max_concurrent="10%"), EVENING).begin) == 3
    assert len(Waves(fleet[:5]).decide(replace(RULES, max_concurrent="10%"), EVENING).begin) == 1


def test_nobody_begins_outside_the_window_in_their_own_zone() -> None:
    waves = Waves([waiting(0), waiting(1, tz=NOUMEA)])
    before = waves.decide(RULES, EVENING - timedelta(minutes=1))
    assert before.begin == ("ns/base-1",)
    assert before.again == EVENING
    assert waves.decide(RULES, EVENING).begin == ("ns/base-0",)
    morning = EVENING.replace(hour=6)
    assert waves.decide(RULES, morning).begin == ()
    assert waves.decide(RULES, morning).phase == "Scheduled"
    assert len(waves.decide(ANY_HOUR, morning).begin) == 2


def test_canaries_go_first_and_soak_after_the_last_is_ready() -> None:
    fleet = [waiting(n) for n in range(5)]
    first, second = canary(10), canary(11)
    waves = Waves([*fleet, first, second])
    found = waves.decide(RULES, EVENING)
    assert set(found.begin) == {first.key, second.key}
    assert found.phase == "Canary"
    waves.put(taken(first, EVENING))
    waves.put(replace(second, in_flight=True))
    assert waves.decide(RULES, EVENING + SOAK).begin == ()
    waves.put(taken(second, EVENING + SOAK))
    soaking = waves.decide(RULES, EVENING + SOAK + timedelta(minutes=59))
    assert (soaking.begin, soaking.phase, soaking.again) == ((), "Canary", EVENING + SOAK * 2)
    assert len(waves.decide(RULES, EVENING + SOAK * 2).begin) == 3


def test_a_canary_that_is_not_ready_during_its_soak_holds_the_others() -> None:
    waves = Waves([waiting(0), taken(canary(1), None)])
    assert waves.decide(RULES, EVENING + timedelta(days=1)).begin == ()
    waves.put(taken(canary(1), EVENING + timedelta(days=1)))
    assert waves.decide(RULES, EVENING + timedelta(days=1)).begin == ()
    assert waves.decide(RULES, EVENING + timedelta(days=1) + SOAK).begin == ("ns/base-0",)


def test_nobody_takes_a_release_before_a_canary_for_which_it_comes_later() -> None:
    coming = replace(canary(1), parts=(), lacks=(NEW,), comes=EVENING)
    waves = Waves([waiting(0, tz=NOUMEA), coming])
    assert waves.decide(RULES, EVENING - timedelta(hours=4)).begin == ()


def test_canaries_of_another_calendar_hold_no_turn_of_the_year() -> None:
    waves = Waves([waiting(0, year_part("nouvelle-caledonie", 2027), tz=NOUMEA), replace(canary(1, YEAR), parts=())])
    assert waves.decide(ANY_HOUR, EVENING).begin == ("ns/base-0",)
    waves.put(waiting(0, YEAR, NEW))
    assert waves.decide(ANY_HOUR, EVENING).begin == ()


def test_a_failed_canary_halts_all() -> None:
    failed = replace(canary(1), parts=(), failed=4)
    found = Waves([*(waiting(n) for n in range(2, 300)), failed]).decide(RULES, EVENING)
    assert (found.phase, found.begin, found.failed) == ("Halted", (), (failed.key,))
    assert failed.key in found.message


def test_past_the_failures_that_are_allowed_the_rollout_halts_until_the_spec_changes() -> None:
    failed = [replace(waiting(n), parts=(), failed=4) for n in range(3)]
    waves = Waves([*failed[:2], *(waiting(n) for n in range(2, 20))])
    assert waves.decide(RULES, EVENING).phase == "Progressing", "2 of 20 are not more than 10 %"
    waves.put(failed[2])
    halted = waves.decide(RULES, EVENING)
    assert (halted.phase, halted.begin, halted.again) == ("Halted", (), None)
    goes_on = waves.decide(replace(RULES, generation=5), EVENING)
    assert goes_on.phase == "Progressing"
    assert len(goes_on.begin) == 3


def test_what_has_halted_stays_so_although_the_failed_bases_are_gone() -> None:
    waves = Waves([waiting(n) for n in range(5)])
    found = waves.decide(replace(RULES, halted=True), EVENING)
    assert (found.phase, found.begin) == ("Halted", ())
    assert found.message


def test_a_paused_channel_begins_nobody() -> None:
    found = Waves([waiting(0)]).decide(replace(RULES, paused=True), EVENING)
    assert (found.phase, found.begin, found.again) == ("Paused", (), None)
    assert Waves([current(0)]).decide(replace(RULES, paused=True), EVENING).phase == "Current"


def test_broken_bases_hold_nobody_and_take_no_place() -> None:
    broken = [replace(waiting(n), broken=True, in_flight=n % 2 == 0) for n in range(10)]
    broken_canary = replace(canary(20), broken=True)
    found = Waves([*broken, broken_canary, waiting(30)]).decide(RULES, EVENING)
    assert found.begin == ("ns/base-30",)
    assert found.in_flight == ()


def test_a_fleet_that_is_up_to_date_is_current_and_one_to_which_something_comes_is_scheduled() -> None:
    assert Waves([current(0)]).decide(RULES, EVENING).phase == "Current"
    coming = replace(current(0), comes=EVENING + timedelta(days=7))
    assert Waves([coming]).decide(RULES, EVENING).phase == "Scheduled"
    assert Waves([replace(coming, comes=EVENING + timedelta(days=70))]).decide(RULES, EVENING).phase == "Current"


def test_the_plan_is_told_before_it_starts() -> None:
    comes = EVENING + timedelta(days=7)
    fleet = [replace(current(n), comes=comes) for n in range(7)]
    fleet += [replace(current(n), comes=comes, canary=True) for n in range(10, 12)]
    plan = Waves(fleet).plan(RULES, EVENING)
    assert [(wave.number, wave.bases) for wave in plan] == [(0, 2), (1, 3), (2, 3), (3, 1)]
    assert plan[0].start == comes
    assert plan[1].start >= comes + SOAK
    assert Waves([current(0)]).plan(RULES, EVENING) == ()


def test_the_plan_respects_the_windows_and_its_bound() -> None:
    groups = [WaveGroup(False, PARIS, None, 1000), WaveGroup(False, NOUMEA, None, 10)]
    noon = EVENING - timedelta(hours=8)
    plan = planned_waves(groups, window=NIGHT, at_once=10, soak=SOAK, soaked=None, now=noon)
    assert len(plan) == LONGEST_PLAN
    assert (plan[0].start, plan[0].bases) == (noon, 10), "in Nouméa it is night"
    assert plan[1].start == EVENING
    assert [wave.start for wave in plan] == sorted(wave.start for wave in plan)


PARTS = [(), (NEW,), (YEAR,), (YEAR, NEW)]
flags = st.booleans()
rarely = st.integers(0, 5).map(lambda number: number == 0)


@st.composite
def members(draw: st.DrawFn) -> WaveMember:
    number = draw(st.integers(0, 8))
    is_canary = draw(rarely)
    parts = draw(st.sampled_from(PARTS))
    hours = st.integers(-3, 3).map(lambda hour: EVENING + timedelta(hours=hour))
    return WaveMember(
        key=f"ns/base-{number}",
        uid=f"uid-{number}-{draw(rarely)}",
        tz=draw(st.sampled_from([PARIS, NOUMEA, "Indian/Reunion"])),
        canary=is_canary,
        parts=parts,
        in_flight=bool(parts) and draw(rarely),
        failed=draw(st.sampled_from([None, None, 3, 4])),
        broken=draw(rarely),
        lacks=draw(st.sampled_from(PARTS)) if is_canary else (),
        took=draw(st.sampled_from(PARTS)) if is_canary else (),
        ready_since=draw(hours | st.none()) if is_canary else None,
        comes=draw(st.none() | hours),
        updated=draw(flags),
    )


rules = st.builds(
    Rules,
    st.sampled_from([None, NIGHT]),
    st.sampled_from([1, 3, "40%"]),
    st.sampled_from([0, 2, "30%"]),
    st.just(SOAK),
    st.sampled_from([3, 4, 5]),
    rarely,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(members(), max_size=30), st.sets(st.integers(0, 8)), rules, st.integers(0, 48))
def test_what_holds_depends_on_what_the_bases_are_now_and_on_nothing_before(
    course: list[WaveMember], gone: set[int], limits: Rules, hours: int
) -> None:
    waves = Waves(course)
    for number in gone:
        waves.remove(f"ns/base-{number}")
    last = {member.key: member for member in course if int(member.key[-1]) not in gone}
    again = Waves(sorted(last.values(), key=lambda member: member.uid))
    now = EVENING + timedelta(hours=hours)
    found, other = waves.decide(limits, now), again.decide(limits, now)
    assert found == other
    assert waves.plan(limits, now) == again.plan(limits, now)
    assert waves.updated == again.updated
    assert len(waves) == len(last)
    for key in found.begin:
        assert last[key].waits
    if found.again is not None and not found.begin:
        assert waves.decide(limits, found.again - timedelta(seconds=1)).begin == ()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.randoms(use_true_random=False))
def test_a_fleet_is_rolled_to_the_end_and_never_too_many_at_once(count: int, limit: int, chance: random.Random) -> None:
    limits = replace(ANY_HOUR, max_concurrent=limit, max_failures=count)
    state = {f"ns/base-{n}": canary(n) if n < 2 else waiting(n) for n in range(count)}
    waves, now, begun = Waves(state.values()), EVENING, []
    for _ in range(2000):
        if all(not member.parts for member in state.values()):
            break
        for key in waves.decide(limits, now).begin:
            assert waves.may_begin(key, limits, now)
            state[key] = replace(state[key], in_flight=True)
            waves.put(state[key])
            begun.append(key)
        flying = [key for key, member in state.items() if member.in_flight]
        assert len(flying) <= limit
        for key in flying:
            if chance.random() < 0.5:
                state[key] = replace(taken(state[key], now), in_flight=False)
                waves.put(state[key])
        now += timedelta(minutes=15)
    assert sorted(begun) == sorted(state)
    canaries = {key for key, member in state.items() if member.canary}
    assert set(begun[: len(canaries)]) == canaries


@pytest.mark.parametrize("share", ["0%", 0])
def test_no_failure_tolerated_means_the_first_one_halts(share: int | str) -> None:
    fleet = [waiting(n) for n in range(500)]
    waves = Waves([*fleet, replace(current(501), failed=4)])
    assert waves.decide(replace(RULES, max_failures=share), EVENING).phase == "Halted"


def test_the_oldest_that_is_owed_is_told_of_those_that_could_take_it() -> None:
    due = [EVENING + timedelta(hours=hours) for hours in range(5)]
    fleet = [replace(waiting(n), since=since) for n, since in enumerate(due)]
    fleet[0] = replace(fleet[0], broken=True)
    waves = Waves(fleet)
    assert waves.oldest_due == due[1]
    waves.put(taken(fleet[1], None))
    assert waves.oldest_due == due[2]
    waves.put(replace(fleet[2], parts=(), hindered=True))
    assert (waves.oldest_due, waves.hindered) == (due[2], 1)
    waves.put(replace(fleet[2], in_flight=True, since=due[4]))
    assert (waves.oldest_due, waves.hindered) == (due[3], 0)
    for number in (2, 3, 4):
        waves.remove(fleet[number].key)
    assert waves.oldest_due is None
