"""Slots of cron in the zones where schools are, on the nights when the clock changes, and when the clock jumps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.planning.schedule import (
    InvalidScheduleError,
    Timetable,
    check_schedule,
    due_slot,
    interval,
    latest_slot,
    newest_due,
    next_due,
    next_slot,
    slots_of_day,
    spread_offset,
)

NIGHTLY, TWO_HOURLY = "30 2 * * *", "0 */2 * * *"
PARIS = "Europe/Paris"
zones = st.sampled_from(
    [PARIS, "Indian/Reunion", "Pacific/Noumea", "America/Miquelon", "Pacific/Tahiti", "UTC", "Atlantic/Azores"]
)
schedules = st.sampled_from(
    [NIGHTLY, TWO_HOURLY, "0 3 * * SUN", "*/7 * * * *", "0 0 1 1 *", "5,35 1-3 * * *", "0 0 29 2 *", "59 23 31 12 *"]
)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (in UTC)
spans = st.timedeltas(timedelta(0), timedelta(days=1))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def table(schedule: str, *, offset: int = 0, deadline: int = 120, tz: str = PARIS) -> Timetable:
    return Timetable(schedule, tz, timedelta(minutes=offset), timedelta(minutes=deadline))


def of_local_day(schedule: str, day: str) -> list[str]:
    begins, found = at(f"{day}T00:00+02:00") - timedelta(hours=2), []
    slot = next_slot(schedule, PARIS, begins)
    while slot is not None and slot < begins + timedelta(hours=28):
        found.append(f"{slot:%dT%H:%M}Z")
        slot = next_slot(schedule, PARIS, slot)
    return found


def test_a_nightly_slot_fires_once_in_the_night_that_has_its_time_twice() -> None:
    assert of_local_day(NIGHTLY, "2026-10-25") == ["25T00:30Z"]


def test_a_nightly_slot_comes_right_after_the_change_in_the_night_that_skips_its_time() -> None:
    assert of_local_day(NIGHTLY, "2026-03-29") == ["29T01:00Z"]


def test_a_two_hourly_slot_goes_by_the_clock_that_runs() -> None:
    assert of_local_day(TWO_HOURLY, "2026-03-29")[:4] == ["28T21:00Z", "28T23:00Z", "29T02:00Z", "29T04:00Z"]
    assert of_local_day(TWO_HOURLY, "2026-10-25")[:4] == ["24T22:00Z", "25T00:00Z", "25T01:00Z", "25T03:00Z"]


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_the_change_neither_loses_nor_doubles_a_night(day: str) -> None:
    middle = at(f"{day}T12:00Z")
    slots = [slot for n in range(-3, 4) for slot in slots_of_day(NIGHTLY, PARIS, (middle + timedelta(days=n)).date())]
    assert Counter(slot.astimezone(UTC).date() for slot in slots) == Counter(
        {(middle + timedelta(days=n)).date(): 1 for n in range(-3, 4)}
    )


@given(schedules, zones, moments)
@settings(deadline=None)
def test_slots_follow_one_another_strictly_and_forth_is_the_inverse_of_back(
    schedule: str, tz: str, moment: datetime
) -> None:
    slot = next_slot(schedule, tz, moment)
    assert slot is not None
    assert slot > moment
    assert latest_slot(schedule, tz, slot, slot - timedelta(seconds=1)) == slot
    assert latest_slot(schedule, tz, slot - timedelta(seconds=1), moment) is None
    later = next_slot(schedule, tz, slot)
    assert later is not None
    assert later > slot


@given(schedules, zones, st.dates(date(2025, 1, 1), date(2027, 12, 31)))
@settings(deadline=None)
def test_the_slots_of_days_are_those_of_cron(schedule: str, tz: str, day: date) -> None:
    found = slots_of_day(schedule, tz, day)
    assert list(found) == sorted(set(found))
    assert all(slot.date() == day and slot.second == 0 for slot in found)


@given(st.text(max_size=40), st.integers(0, 1440))
@settings(deadline=None)
def test_an_offset_is_stable_and_leaves_the_end_of_the_spread_free(uid: str, spread: int) -> None:
    offset = spread_offset(uid, spread)
    assert offset == spread_offset(uid, spread)
    assert timedelta(0) <= offset <= timedelta(minutes=spread) * 0.9
    assert offset.microseconds == 0


def test_offsets_fill_the_spread_evenly() -> None:
    minutes = Counter(spread_offset(f"uid-{n}", 90) // timedelta(minutes=9) for n in range(9000))
    assert sorted(minutes) == list(range(9))
    assert all(850 <= count <= 1150 for count in minutes.values())


def test_a_slot_is_due_at_its_offset_and_missed_after_its_deadline() -> None:
    nightly, settled = table(NIGHTLY, offset=40), at("2026-11-23T12:00Z")
    assert due_slot(nightly, settled, at("2026-11-24T02:09:59Z")) is None
    slot = due_slot(nightly, settled, at("2026-11-24T02:10Z"))
    assert slot is not None
    assert (slot.time, slot.due, slot.expires) == (
        at("2026-11-24T01:30Z"),
        at("2026-11-24T02:10Z"),
        at("2026-11-24T04:10Z"),
    )
    assert due_slot(nightly, settled, at("2026-11-24T04:09:59Z")) == slot
    assert due_slot(nightly, settled, at("2026-11-24T04:10Z")) is None
    assert newest_due(nightly, settled, at("2026-11-24T04:10Z")) == slot
    assert due_slot(nightly, slot.time, at("2026-11-24T02:10Z")) is None


def test_of_many_missed_slots_the_latest_is_made_up() -> None:
    slot = due_slot(table(TWO_HOURLY), at("2026-11-20T07:00Z"), at("2026-11-24T08:59Z"))
    assert slot is not None
    assert slot.time == at("2026-11-24T07:00Z")


def test_a_new_base_counts_from_its_creation() -> None:
    created = at("2026-11-24T07:10Z")
    assert due_slot(table(TWO_HOURLY, offset=60), created, at("2026-11-24T08:30Z")) is None
    slot = next_due(table(TWO_HOURLY, offset=60), created, created)
    assert slot is not None
    assert (slot.time, slot.due) == (at("2026-11-24T09:00Z"), at("2026-11-24T10:00Z"))


def test_a_clock_that_went_back_gives_nothing_twice() -> None:
    settled = at("2026-11-24T09:00Z")
    for hours in range(1, 200):
        assert newest_due(table(TWO_HOURLY), settled, settled - timedelta(hours=hours)) is None
    slot = next_due(table(TWO_HOURLY), settled, settled - timedelta(hours=100))
    assert slot is not None
    assert slot.time == at("2026-11-24T11:00Z")


@given(schedules, zones, moments, moments, spans)
@settings(max_examples=200, deadline=None)
def test_what_is_due_was_not_settled_and_what_comes_next_is_not_due(
    schedule: str, tz: str, settled: datetime, now: datetime, offset: timedelta
) -> None:
    times = Timetable(schedule, tz, offset, timedelta(hours=2))
    due, coming = newest_due(times, settled, now), next_due(times, settled, now)
    assert coming is not None
    assert coming.due > now
    assert coming.time > settled
    if due is not None:
        assert settled < due.time < coming.time
        assert due.due <= now
        assert next_slot(schedule, tz, due.time) == coming.time


@pytest.mark.parametrize("schedule", ["5-3 * * * *", "0 0 31 4 *", "* * * *", "0 0 0 * * *", "0 0 L * 9"])
def test_a_schedule_that_never_comes_or_means_nothing_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidScheduleError, match="schedule"):
        check_schedule(schedule)


@pytest.mark.parametrize(
    ("schedule", "hours"), [(TWO_HOURLY, 2), (NIGHTLY, 24), ("0 8,18 * * MON-FRI", 62), ("0 3 * * SUN", 168)]
)
def test_the_interval_is_the_longest_wait_between_slots(schedule: str, hours: int) -> None:
    assert interval(schedule, "UTC", date(2026, 11, 24)) == timedelta(hours=hours)
