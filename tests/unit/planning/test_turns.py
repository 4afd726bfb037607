"""One base of a channel at a time."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.turns import Candidate, may_take_due_release, next_to_roll

versions = st.sampled_from(["1", "2", "3"]) | st.none()
flags = st.booleans()


@st.composite
def fleets(draw: st.DrawFn) -> list[Candidate]:
    count = draw(st.integers(0, 12))
    return [
        Candidate(
            key=f"ns/base-{number}",
            uid=f"uid-{number}",
            desired=draw(versions),
            current=draw(versions),
            due=draw(versions),
            settled=draw(flags),
            stopped=draw(flags),
            suspended=draw(flags),
            stalled=draw(flags),
        )
        for number in range(count)
    ]


def behind(number: int) -> Candidate:
    return Candidate(key=f"ns/base-{number}", uid=f"uid-{number}", desired="1", current="1", due="2")


def test_nobody_rolls_when_all_have_what_is_due() -> None:
    assert next_to_roll([replace(behind(n), due="1") for n in range(5)]) is None


def test_a_base_in_flight_is_the_only_one() -> None:
    fleet = [behind(n) for n in range(20)]
    for number in range(20):
        rolling = [replace(base, desired="2") if i == number else base for i, base in enumerate(fleet)]
        assert next_to_roll(rolling) == f"ns/base-{number}"


def test_a_rolled_base_keeps_its_turn_until_it_was_ready() -> None:
    rolled = replace(behind(7), desired="2", current="2", settled=False)
    assert next_to_roll([behind(n) for n in range(5)] + [rolled]) == rolled.key
    assert next_to_roll([behind(n) for n in range(5)] + [replace(rolled, settled=True)]) != rolled.key


def test_a_base_that_broke_later_holds_nobody_up() -> None:
    broken = Candidate(key="ns/broken", uid="b", desired="2", current="2", due="2", settled=True, stalled=True)
    assert next_to_roll([broken, behind(1)]) == behind(1).key


def test_a_suspended_or_stalled_base_that_waits_holds_nobody_up() -> None:
    fleet = [replace(behind(n), suspended=n % 2 == 0, stalled=n % 2 == 1) for n in range(10)]
    assert next_to_roll(fleet) is None
    assert next_to_roll([*fleet, behind(11)]) == behind(11).key


def test_a_stalled_base_in_mid_roll_stops_the_others() -> None:
    stuck = replace(behind(3), desired="2", stalled=True)
    assert next_to_roll([behind(1), stuck, behind(2)]) == stuck.key


def test_a_stopped_base_rolls_at_once_and_takes_no_turn() -> None:
    stopped = replace(behind(1), stopped=True)
    assert next_to_roll([stopped]) is None
    assert may_take_due_release(stopped, turn="ns/other")


def test_a_new_base_gets_its_release_at_once_and_takes_no_turn() -> None:
    new = replace(behind(1), desired=None, current=None)
    assert next_to_roll([new]) is None
    assert next_to_roll([new, behind(2)]) == behind(2).key
    assert may_take_due_release(new, turn="ns/base-2")


def test_a_suspended_base_takes_nothing() -> None:
    assert not may_take_due_release(replace(behind(1), suspended=True), turn="ns/base-1")


@given(fleets(), st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(fleet: list[Candidate], shuffler: random.Random) -> None:
    shuffled = list(fleet)
    shuffler.shuffle(shuffled)
    assert next_to_roll(shuffled) == next_to_roll(fleet)


@given(fleets())
def test_a_turn_goes_to_a_base_in_flight_or_to_one_that_waits(fleet: list[Candidate]) -> None:
    key = next_to_roll(fleet)
    in_flight = {base.key for base in fleet if base.in_flight}
    waiting = {base.key for base in fleet if base.waits}
    assert (key in (in_flight or waiting)) if in_flight | waiting else key is None


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_a_fleet_is_rolled_one_by_one_to_the_end(count: int, chance: random.Random) -> None:
    fleet = {base.key: base for base in map(behind, range(count))}
    rolled: list[str] = []
    while (turn := next_to_roll(fleet.values())) is not None:
        assert sum(base.in_flight for base in fleet.values()) <= 1
        base = fleet[turn]
        if base.desired == "1":
            fleet[turn] = replace(base, desired="2")
            rolled.append(turn)
        elif base.current == "1":
            fleet[turn] = replace(base, current="2", settled=chance.random() < 0.5)
        else:
            fleet[turn] = replace(base, settled=True)
    assert sorted(rolled) == sorted(fleet)
    assert all(base.current == "2" for base in fleet.values())
