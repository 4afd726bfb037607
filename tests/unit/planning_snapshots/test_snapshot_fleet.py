"""Places for snapshots over the whole fleet."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pronote_operator.planning.snapshot_fleet import FIRST_WAIT, LONGEST_WAIT, Claim, SnapshotFleet

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def keys(fleet: SnapshotFleet, limit: int, now: datetime = NOW, policy: str = "p") -> list[str]:
    return [claim.key for claim in fleet.claim(policy, limit, now)]


def waiting(count: int) -> SnapshotFleet:
    fleet = SnapshotFleet()
    for number in range(count):
        fleet.want(f"base-{number:03d}", "p", "job", NOW + timedelta(seconds=number % 7))
    return fleet


def test_places_go_by_due_time_then_by_key_and_no_further_than_the_limit() -> None:
    fleet = waiting(20)
    assert keys(fleet, 4) == ["base-000", "base-007", "base-014", "base-001"]
    assert keys(fleet, 4) == []
    fleet.done("base-007")
    assert keys(fleet, 4) == ["base-008"]


@given(st.integers(1, 60), st.integers(1, 30), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_after_a_restart_the_same_jobs_come_first(count: int, limit: int, chance: random.Random) -> None:
    numbers = list(range(count))
    chance.shuffle(numbers)
    fleet = SnapshotFleet()
    for number in numbers:
        fleet.want(f"base-{number:03d}", "p", "job", NOW + timedelta(seconds=number % 7))
    assert keys(fleet, limit) == keys(waiting(count), limit)


def test_each_policy_has_places_of_its_own() -> None:
    fleet = SnapshotFleet()
    for number in range(6):
        fleet.want(f"base-{number}", "p" if number % 2 else "q", "job", NOW)
    assert keys(fleet, 2, policy="p") == ["base-1", "base-3"]
    assert keys(fleet, 2, policy="q") == ["base-0", "base-2"]


def test_a_job_that_could_not_be_started_gives_its_place_back_and_waits_longer_each_time() -> None:
    fleet = waiting(1)
    now, waits = NOW, []
    for _ in range(8):
        assert keys(fleet, 1, now) == ["base-000"]
        again = fleet.not_started("base-000", now)
        assert again is not None
        assert fleet.running("p") == 0
        assert fleet.next_retry("p") == again
        assert keys(fleet, 1, again - timedelta(seconds=1)) == []
        waits.append(again - now)
        now = again
    assert waits[:3] == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4]
    assert waits[-1] == LONGEST_WAIT


def test_broken_bases_never_take_more_than_a_quarter_of_the_places() -> None:
    fleet = waiting(40)
    now = NOW
    for _ in range(10):
        for key in keys(fleet, 8, now):
            fleet.not_started(key, now)
        now += timedelta(minutes=6)
    assert len(keys(fleet, 8, now)) == 2
    fleet.want("healthy", "p", "job", now)
    assert keys(fleet, 8, now) == ["healthy"]


def test_wanting_again_is_the_same_as_once_and_a_newer_job_takes_the_place_of_an_older_one() -> None:
    fleet = waiting(1)
    for _ in range(3):
        fleet.want("base-000", "p", "job", NOW)
    fleet.want("base-000", "p", "newer", NOW + timedelta(hours=1))
    claims = fleet.claim("p", 9, NOW + timedelta(hours=1))
    assert [(claim.key, claim.job) for claim in claims] == [("base-000", "newer")]


def test_a_base_that_needs_nothing_any_more_is_not_started_and_what_runs_is_left_to_end() -> None:
    fleet = waiting(2)
    fleet.withdraw("base-001")
    assert keys(fleet, 9) == ["base-000"]
    fleet.withdraw("base-000")
    assert fleet.running("p") == 1
    fleet.want("base-000", "p", "another", NOW)
    assert keys(fleet, 9) == []
    fleet.done("base-000")
    assert fleet.running("p") == 0
    fleet.done("base-000")
    assert fleet.not_started("base-000", NOW) is None


class Places(RuleBasedStateMachine):
    """Whatever is called in whatever order, against sets of what waits and what runs."""

    bases = st.sampled_from([f"base-{number}" for number in range(8)])

    def __init__(self) -> None:
        super().__init__()
        self.fleet = SnapshotFleet()
        self.now = NOW
        self.running: dict[str, str] = {}
        self.wanting: dict[str, str] = {}

    @rule(key=bases, job=st.sampled_from("ab"), age=st.integers(0, 90))
    def want(self, key: str, job: str, age: int) -> None:
        self.fleet.want(key, "p", job, self.now - timedelta(seconds=age))
        if key not in self.running:
            self.wanting[key] = job

    @rule(key=bases)
    def withdraw(self, key: str) -> None:
        self.fleet.withdraw(key)
        self.wanting.pop(key, None)

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        for claim in self.fleet.claim("p", limit, self.now):
            assert len(self.running) < limit
            assert self.wanting.pop(claim.key) == claim.job
            self.running[claim.key] = claim.job

    @precondition(lambda self: self.running)
    @rule(chance=st.randoms(use_true_random=False), started=st.booleans())
    def end(self, chance: random.Random, started: bool) -> None:
        key = chance.choice(sorted(self.running))
        job = self.running.pop(key)
        if started:
            self.fleet.done(key)
        else:
            assert self.fleet.not_started(key, self.now) is not None
            self.wanting[key] = job

    @rule(seconds=st.integers(0, 400))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def the_places_taken_are_those_of_what_runs(self) -> None:
        assert self.fleet.running("p") == len(self.running)

    def teardown(self) -> None:
        for key in self.running:
            self.fleet.done(key)
        self.running.clear()
        left = {claim.key for _ in range(60) for claim in self._drain()}
        assert left == set(self.wanting), "nobody who waits is forgotten"

    def _drain(self) -> list[Claim]:
        self.now += LONGEST_WAIT
        claims = self.fleet.claim("p", 8, self.now)
        for claim in claims:
            self.fleet.done(claim.key)
        return claims


TestPlaces = Places.TestCase
TestPlaces.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
