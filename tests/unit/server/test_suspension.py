"""Suspension of addresses: by level, for a time, bounded in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.addresses import group_of, is_in, parse_address
from pronote_server.settings import Security
from pronote_server.suspension import THRESHOLDS, Suspensions
from pronote_server.words import IpControl

ADDRESS = "192.0.2.1"
LEVELS = sorted(THRESHOLDS)


@pytest.mark.parametrize("level", LEVELS)
def test_the_last_failure_of_the_threshold_suspends_for_the_levels_time(level: IpControl) -> None:
    threshold = THRESHOLDS[level]
    suspensions = Suspensions()
    for second in range(threshold.failures - 1):
        assert suspensions.record_failure(ADDRESS, level, 1000.0 + second) is None
    now = 1000.0 + threshold.failures
    until = suspensions.record_failure(ADDRESS, level, now)
    assert until == now + threshold.suspension_seconds
    assert suspensions.until(ADDRESS, until - 0.1) == until
    assert suspensions.until(ADDRESS, until) is None
    assert suspensions.suspended(now) == [(ADDRESS, until)]


def test_levels_grow_stricter() -> None:
    low, medium, high = (THRESHOLDS[level] for level in (IpControl.LOW, IpControl.MEDIUM, IpControl.HIGH))
    assert low.failures > medium.failures > high.failures
    assert low.suspension_seconds < medium.suspension_seconds < high.suspension_seconds


@given(st.sampled_from(LEVELS), st.lists(st.floats(0, 10_000, allow_nan=False), min_size=1, max_size=80))
def test_an_address_is_suspended_exactly_when_a_window_holds_enough_failures(
    level: IpControl, times: list[float]
) -> None:
    threshold = THRESHOLDS[level]
    suspensions = Suspensions()
    recent: list[float] = []
    for now in sorted(times):
        recent = [*(time for time in recent if time > now - threshold.window_seconds), now]
        due = len(recent) >= threshold.failures
        if due:
            recent = []
        suspended = suspensions.until(ADDRESS, now) is not None
        result = suspensions.record_failure(ADDRESS, level, now)
        assert (result is not None) == (due or suspended)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1e5, allow_nan=False)), max_size=200))
def test_memory_is_bounded_whoever_comes(failures: list[tuple[int, float]]) -> None:
    suspensions = Suspensions(max_addresses=10)
    for number, now in failures:
        suspensions.record_failure(f"192.0.2.{number}", IpControl.HIGH, now)
        assert len(suspensions) <= 10


def test_a_flood_of_addresses_does_not_free_a_suspended_one() -> None:
    suspensions = Suspensions(max_addresses=10)
    for _ in range(5):
        suspensions.record_failure(ADDRESS, IpControl.HIGH, 0.0)
    for number in range(100):
        suspensions.record_failure(f"198.51.100.{number}", IpControl.HIGH, 1.0)
    assert suspensions.until(ADDRESS, 2.0) is not None


def test_off_counts_nothing() -> None:
    suspensions = Suspensions()
    for _ in range(1000):
        assert suspensions.record_failure(ADDRESS, IpControl.OFF, 0.0) is None
    assert len(suspensions) == 0


def test_release_forgets_the_failures_too() -> None:
    suspensions = Suspensions()
    for _ in range(5):
        suspensions.record_failure(ADDRESS, IpControl.HIGH, 0.0)
    assert suspensions.release(ADDRESS)
    assert not suspensions.release(ADDRESS)
    assert suspensions.record_failure(ADDRESS, IpControl.HIGH, 1.0) is None


def test_purge_forgets_what_counts_no_longer_and_nothing_else() -> None:
    suspensions = Suspensions()
    suspensions.record_failure("192.0.2.9", IpControl.HIGH, 0.0)
    for _ in range(5):
        suspensions.record_failure(ADDRESS, IpControl.HIGH, 0.0)
    suspensions.purge(1800.0)
    assert len(suspensions) == 1
    suspensions.purge(14400.0)
    assert len(suspensions) == 0


def test_an_ipv6_site_counts_as_one_and_a_mapped_address_as_ipv4() -> None:
    assert group_of(parse_address("2001:db8:1:2:3::4")) == "2001:db8:1:2::/64"
    assert group_of(parse_address("::ffff:192.0.2.1")) == "192.0.2.1"


@given(st.ip_addresses(), st.integers(0, 128))
def test_an_address_is_in_every_network_around_it(address: object, length: int) -> None:
    from ipaddress import ip_network

    parsed = parse_address(str(address))
    network = ip_network((str(parsed), min(length, parsed.max_prefixlen)), strict=False)
    security = Security.model_validate({"preferredAddresses": [str(network)]})
    assert is_in(parsed, security.preferred_addresses)
