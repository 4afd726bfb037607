"""Dates of the school year in the zones where schools are."""

import contextlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.calendar import (
    InvalidMonthDayError,
    UnknownZoneError,
    date_in_year,
    instant,
    local_date,
    parse_month_day,
    start_of_day,
    zone,
)

ZONES = ["Europe/Paris", "Indian/Reunion", "Pacific/Noumea", "America/Miquelon", "Pacific/Tahiti", "UTC"]
STRANGE_ZONES = [*ZONES, "America/Havana", "America/Santiago", "Asia/Beirut", "Pacific/Apia", "Australia/Lord_Howe"]
zones = st.sampled_from(STRANGE_ZONES)
FIRST, LAST = datetime.fromisoformat("2001-01-02"), datetime.fromisoformat("2060-01-01")
moments = st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(UTC))
month_days = st.dates(min_value=date(2000, 1, 1), max_value=date(2000, 12, 31)).map(lambda day: f"{day:%m-%d}")


@pytest.mark.parametrize(
    ("month_day", "year", "tz", "begins"),
    [
        ("08-26", 2026, "Europe/Paris", "2026-08-25T22:00:00+00:00"),
        ("08-10", 2026, "Indian/Reunion", "2026-08-09T20:00:00+00:00"),
        ("01-25", 2026, "Pacific/Noumea", "2026-01-24T13:00:00+00:00"),
        ("02-29", 2027, "Europe/Paris", "2027-02-27T23:00:00+00:00"),
        ("02-29", 2028, "Europe/Paris", "2028-02-28T23:00:00+00:00"),
    ],
)
def test_a_date_begins_at_midnight_where_the_school_is(month_day: str, year: int, tz: str, begins: str) -> None:
    assert start_of_day(date_in_year(month_day, year), tz) == datetime.fromisoformat(begins)


@given(month_days, zones, st.integers(2001, 2060))
def test_a_date_comes_once_a_year_and_begins_with_its_own_first_instant(month_day: str, tz: str, year: int) -> None:
    day = date_in_year(month_day, year)
    begins = start_of_day(day, tz)
    assert local_date(tz, begins - timedelta(microseconds=1)) < day <= local_date(tz, begins)
    assert timedelta(days=364) < start_of_day(date_in_year(month_day, year + 1), tz) - begins < timedelta(days=368)


def test_a_day_that_a_zone_skipped_begins_when_the_next_one_does() -> None:
    assert start_of_day(date(2011, 12, 30), "Pacific/Apia") == start_of_day(date(2011, 12, 31), "Pacific/Apia")


def test_a_time_shown_twice_is_its_first_occurrence() -> None:
    assert instant(datetime.fromisoformat("2026-10-25T02:30"), "Europe/Paris") == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )


def test_a_skipped_time_comes_as_long_after_the_change() -> None:
    assert instant(datetime.fromisoformat("2026-03-29T02:30"), "Europe/Paris") == datetime(
        2026, 3, 29, 1, 30, tzinfo=UTC
    )


@given(st.datetimes(min_value=FIRST, max_value=LAST), zones, st.integers(0, 1))
def test_an_instant_does_not_depend_on_the_fold_that_came_with_it(local: datetime, tz: str, fold: int) -> None:
    assert instant(local.replace(fold=fold), tz) == instant(local, tz)


@pytest.mark.parametrize("name", [*STRANGE_ZONES, "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_iana_zones_are_known(name: str) -> None:
    assert zone(name).key == name


@pytest.mark.parametrize(
    "name",
    ["", "Paris", "Europe", "europe/paris", "Europe/Paris ", "../etc/passwd", "/etc/localtime", "localtime", "UTC+2",
     "posixrules", "right/Europe/Paris", "posix/Europe/Paris", "Factory", "zone.tab", "Europe/Paris\x00", "CEST"],
)  # fmt: skip
def test_what_is_no_zone_is_refused_with_examples(name: str) -> None:
    with pytest.raises(UnknownZoneError, match="Europe/Paris or Pacific/Noumea"):
        zone(name)


@given(st.text(max_size=60))
def test_any_text_is_a_zone_or_refused(name: str) -> None:
    with contextlib.suppress(UnknownZoneError):
        assert zone(name).key == name


@pytest.mark.parametrize("text", ["", "8-26", "08-32", "13-01", "00-10", "02-30", "04-31", "08-26\n", "0826", "08/26"])
def test_what_is_no_month_and_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidMonthDayError, match="08-26"):
        parse_month_day(text)


@given(month_days, st.integers(1, 9999))
def test_a_month_and_day_exists_in_every_year(month_day: str, year: int) -> None:
    day = date_in_year(month_day, year)
    assert (f"{day:%m-%d}" == month_day) or (month_day, day.month, day.day) == ("02-29", 2, 28)
