"""The hours in which rolls are begun."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.planning.calendar import zone
from pronote_operator.planning.window import closes, is_open, next_open


@dataclass(frozen=True)
class Between:
    start: str
    end: str


NIGHT = Between("20:00", "05:00")
PARIS = "Europe/Paris"
zones = st.sampled_from([PARIS, "Pacific/Noumea", "Indian/Reunion", "America/Havana", "Australia/Lord_Howe"])
clocks = st.times().map(lambda time: f"{time:%H:%M}")
windows = st.builds(Between, clocks, clocks).filter(lambda window: window.start != window.end)
moments = st.datetimes(
    datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2030-01-01"), timezones=st.just(UTC)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone(PARIS))


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("19:59:59", False), ("20:00", True), ("23:59", True), ("00:00", True), ("04:59:59", True), ("05:00", False)],
)
def test_a_window_passes_midnight(clock: str, expected: bool) -> None:
    assert is_open(NIGHT, PARIS, at(f"2026-08-26T{clock}")) is expected


def test_a_window_is_read_in_the_zone_of_the_base() -> None:
    noumea = datetime(2026, 8, 26, 9, tzinfo=UTC)
    assert is_open(NIGHT, "Pacific/Noumea", noumea)
    assert not is_open(NIGHT, PARIS, noumea)


def test_no_window_means_any_hour() -> None:
    noon = at("2026-08-26T12:00")
    assert is_open(None, PARIS, noon)
    assert next_open(None, PARIS, noon) == noon
    assert closes(None, PARIS, noon) is None


def test_it_opens_next_in_the_evening_and_closes_in_the_morning() -> None:
    assert next_open(NIGHT, PARIS, at("2026-08-26T12:00")) == at("2026-08-26T20:00")
    assert next_open(NIGHT, PARIS, at("2026-08-26T21:00")) == at("2026-08-26T21:00")
    assert closes(NIGHT, PARIS, at("2026-08-26T21:00")) == at("2026-08-27T05:00")
    assert closes(NIGHT, PARIS, at("2026-08-26T04:00")) == at("2026-08-26T05:00")
    assert closes(NIGHT, PARIS, at("2026-08-26T12:00")) is None


def test_a_window_that_the_spring_night_swallows_opens_on_the_next_day() -> None:
    brief = Between("02:10", "02:50")
    assert next_open(brief, PARIS, at("2026-03-28T12:00")) == at("2026-03-30T02:10")


@settings(max_examples=50, deadline=None)
@given(windows, zones, moments)
def test_what_opens_next_is_open_and_was_not_before(window: Between, tz: str, now: datetime) -> None:
    opens = next_open(window, tz, now)
    assert now <= opens <= now + timedelta(days=3)
    assert is_open(window, tz, opens)
    if opens > now:
        assert not is_open(window, tz, now)
        # An hour of grace for a start in the hour that spring skips.
        assert not is_open(window, tz, max(now, opens - timedelta(hours=1, seconds=1)))


@settings(max_examples=50, deadline=None)
@given(windows, zones, moments)
def test_a_window_closes_within_a_day(window: Between, tz: str, now: datetime) -> None:
    end = closes(window, tz, now)
    assert (end is None) == (not is_open(window, tz, now))
    if end is not None:
        assert now < end <= now + timedelta(hours=25)
