"""Which release is due, and when to look again."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.api.versionchannel import VersionChannelSpec
from pronote_operator.planning.calendar import UnknownZoneError
from pronote_operator.planning.releases import due_release, next_release_time, release_time


@dataclass(frozen=True)
class Listed:
    version: str
    from_: datetime | None = None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


OLD, NEW = Listed("2025.2.11"), Listed("2026.2.5", at("2026-08-26T20:00:00"))
FIRST, LAST = at("2025-01-01"), at("2028-01-01")
zones = st.sampled_from(["Europe/Paris", "Indian/Reunion", "Pacific/Noumea", "America/Miquelon"])
moments = st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(UTC))
times = st.none() | st.datetimes(min_value=FIRST, max_value=LAST)
channels = st.lists(times, max_size=6).map(lambda froms: [Listed(f"2026.{i}.0", f) for i, f in enumerate(froms)])


def test_a_release_comes_by_the_clock_of_the_school() -> None:
    evening_in_paris = at("2026-08-26T18:00:00+00:00")
    assert due_release([OLD, NEW], "Europe/Paris", evening_in_paris) is NEW
    assert due_release([OLD, NEW], "Europe/Paris", evening_in_paris - timedelta(seconds=1)) is OLD
    assert due_release([OLD, NEW], "America/Miquelon", evening_in_paris) is OLD
    assert due_release([OLD, NEW], "Pacific/Noumea", at("2026-08-26T09:00:00+00:00")) is NEW


def test_nothing_is_due_before_the_first_release() -> None:
    assert due_release([], "Europe/Paris", at("2026-01-01T00:00:00+00:00")) is None
    assert due_release([NEW], "Europe/Paris", at("2026-01-01T00:00:00+00:00")) is None


def test_the_last_of_the_list_wins_among_those_that_have_come() -> None:
    withdrawn = Listed("2026.2.4", at("2026-08-01T00:00:00"))
    assert due_release([NEW, withdrawn], "Europe/Paris", at("2026-09-01T00:00:00+00:00")) is withdrawn


def test_a_release_in_the_repeated_hour_comes_once_at_its_first_occurrence() -> None:
    release = Listed("1", at("2026-10-25T02:30:00"))
    assert release_time(release, "Europe/Paris") == at("2026-10-25T00:30:00+00:00")


def test_a_release_in_the_skipped_hour_comes_after_the_change() -> None:
    release = Listed("1", at("2026-03-29T02:30:00"))
    assert release_time(release, "Europe/Paris") == at("2026-03-29T01:30:00+00:00")


def test_the_releases_of_a_channel_are_releases() -> None:
    listed = [{"version": "2026.2.5", "image": "server:2026.2.5", "from": "2026-08-26T20:00:00"}]
    spec = VersionChannelSpec.model_validate({"releases": listed})
    assert due_release(spec.releases, "Europe/Paris", at("2026-08-26T17:59:59+00:00")) is None
    assert due_release(spec.releases, "Europe/Paris", at("2026-08-26T18:00:00+00:00")) is spec.releases[0]


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(UnknownZoneError, match="Europe/Nowhere"):
        due_release([NEW], "Europe/Nowhere", at("2026-08-26T18:00:00+00:00"))


@given(channels, zones, moments)
def test_what_is_due_stays_until_the_next_release_time(channel: list[Listed], tz: str, now: datetime) -> None:
    due, later = due_release(channel, tz, now), next_release_time(channel, tz, now)
    if later is None:
        assert due_release(channel, tz, now + timedelta(days=10_000)) is due
    else:
        assert later > now
        assert due_release(channel, tz, later - timedelta(microseconds=1)) is due


@given(channels, zones, moments, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=900)))
def test_time_never_takes_a_base_back(channel: list[Listed], tz: str, now: datetime, more: timedelta) -> None:
    versions = [release.version for release in channel]
    earlier, later = due_release(channel, tz, now), due_release(channel, tz, now + more)
    if earlier is not None:
        assert later is not None
        assert versions.index(later.version) >= versions.index(earlier.version)
