"""What the school year asks of one base."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.versionchannel import Calendar
from pronote_operator.planning.calendar import local_date, start_of_day
from pronote_operator.planning.school_year import (
    DueArchive,
    DueNewBase,
    DueTurn,
    School,
    Switchover,
    YearDone,
    all_done,
    archived_year,
    first_year,
    known_since,
    noted,
    turn_to,
    year_plan,
)


def calendar(archive: str, new_base: str, switchover: str) -> Calendar:
    return Calendar(year_end_archive=archive, new_base=new_base, switchover=switchover)


METROPOLE = calendar("07-01", "08-15", "08-26")
REUNION = calendar("07-01", "07-20", "08-10")
CALEDONIA = calendar("12-20", "01-10", "01-25")
PREVIEW = calendar("06-25", "07-02", "07-05")
CALENDARS = [
    METROPOLE,
    REUNION,
    CALEDONIA,
    PREVIEW,
    calendar("11-30", "12-31", "01-01"),
    calendar("01-31", "02-28", "03-01"),
]
PARIS, NOUMEA = "Europe/Paris", "Pacific/Noumea"
ZONES = [PARIS, NOUMEA, "Indian/Reunion", "America/Miquelon", "Pacific/Tahiti", "America/Havana"]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
moments = st.datetimes(
    datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2031-01-01"), timezones=st.just(UTC)
)
calendars, zones = st.sampled_from(CALENDARS), st.sampled_from(ZONES)


@dataclass(frozen=True)
class Held:
    school_year: int
    state: Literal["InService", "Prepared", "Kept"] = "InService"
    created_time: datetime | None = None


def at(text: str, tz: str = PARIS) -> datetime:
    day, _, hour = text.partition(" ")
    return start_of_day(datetime.fromisoformat(day).date(), tz) + timedelta(hours=int(hour or 0))


def school(serves: int = 2025, dates: Calendar = METROPOLE, tz: str = PARIS, **other: object) -> School:
    facts = School(dates, tz, LONG_AGO, serves, (Held(serves),), YearDone(archived=serves - 1))
    return replace(facts, **other)  # type: ignore[arg-type]


def test_in_metropolitan_france_each_date_comes_in_its_time() -> None:
    before = year_plan(school(), at("2026-06-30 23"))
    assert (before.archive, before.new_base, before.turn) == (None, None, None)
    assert before.again == at("2026-07-01")
    july = year_plan(school(), at("2026-07-01"))
    assert july.archive == DueArchive(2025, "archive-annuelle-20260630T2200Z", at("2026-07-01"))
    archived = school(done=YearDone(archived=2025))
    assert year_plan(archived, at("2026-08-14 23")).new_base is None
    assert year_plan(archived, at("2026-08-15")).new_base == DueNewBase(2026, 2025)
    prepared = replace(archived, years=(Held(2025), Held(2026, "Prepared")))
    plan = year_plan(prepared, at("2026-08-25 23"))
    assert (plan.archive, plan.new_base, plan.turn, plan.again) == (None, None, None, at("2026-08-26"))
    assert plan.next_turn == DueTurn(2026, 2025, at("2026-08-26"))
    turn = year_plan(prepared, at("2026-08-26"))
    assert (turn.case, turn.turn) == (Switchover.REPLACE, DueTurn(2026, 2025, at("2026-08-26")))


def test_in_nouvelle_caledonie_the_year_turns_in_january_and_nothing_happens_in_august() -> None:
    facts = school(2026, CALEDONIA, NOUMEA)
    august = year_plan(facts, at("2026-08-30", NOUMEA))
    assert (august.archive, august.new_base, august.turn) == (None, None, None)
    assert august.again == at("2026-12-20", NOUMEA)
    december = year_plan(facts, at("2026-12-20", NOUMEA))
    assert december.archive is not None
    assert december.archive.passing_year == 2026
    facts = replace(facts, done=YearDone(archived=2026))
    assert year_plan(facts, at("2027-01-10", NOUMEA)).new_base == DueNewBase(2027, 2026)
    assert year_plan(facts, at("2027-01-25", NOUMEA)).turn == DueTurn(2027, 2026, at("2027-01-25", NOUMEA))


def test_a_base_already_of_the_new_year_is_kept_at_switchover() -> None:
    early = school(2026, years=(Held(2025, "Kept"), Held(2026)))
    plan = year_plan(early, at("2026-08-26"))
    assert (plan.case, plan.turn, plan.new_base, plan.archive) == (Switchover.KEEP_NEW, None, None, None)


def test_a_pinned_year_is_kept_and_nothing_is_prepared_beside_it() -> None:
    pinned = school(pin=2025)
    assert year_plan(pinned, at("2026-08-20")).new_base is None
    plan = year_plan(pinned, at("2026-09-01"))
    assert (plan.case, plan.turn, plan.problem, plan.next_turn) == (Switchover.KEEP_PINNED, None, None, None)


def test_a_pinned_year_still_has_its_year_end_archives() -> None:
    pinned = school(pin=2025)
    assert year_plan(pinned, at("2026-07-01")).archive is not None
    later = year_plan(replace(pinned, done=YearDone(archived=2025)), at("2027-07-01"))
    assert later.archive is not None
    assert later.archive.passing_year == 2026


def test_a_pin_that_is_taken_out_later_makes_the_switchover_up() -> None:
    unpinned = school(done=YearDone(archived=2025))
    assert year_plan(unpinned, at("2026-11-03")).turn == DueTurn(2026, 2025, at("2026-08-26"))


def test_a_pin_to_the_coming_year_turns_without_waiting_for_the_date() -> None:
    plan = year_plan(school(pin=2026), at("2026-07-06"))
    assert plan.turn == DueTurn(2026, 2025, None)
    assert year_plan(school(2026, pin=2026), at("2026-08-26")).case is Switchover.KEEP_PINNED


@pytest.mark.parametrize(("pin", "reason"), [(2024, "PinnedYearMissing"), (2027, "PinnedYearTooFar")])
def test_a_pin_to_another_year_than_this_or_the_next_is_told(pin: int, reason: str) -> None:
    plan = year_plan(school(pin=pin), at("2026-07-06"))
    assert plan.turn is None
    assert plan.problem is not None
    assert plan.problem.reason == reason


def test_a_pin_to_a_past_year_that_the_volume_holds_gives_it_and_keeps_it_when_the_pin_is_taken_out() -> None:
    held = (Held(2025, "Kept"), Held(2026), Held(2027, "Prepared"))
    turned = school(2026, years=held, done=YearDone(2025, 2027, 2026))
    assert year_plan(replace(turned, pin=2025), at("2026-11-06")).turn == DueTurn(2025, 2026, None)
    back = replace(turned, serves=2025, years=(Held(2025), Held(2026, "Kept")))
    assert year_plan(replace(back, pin=2025), at("2026-11-06")).turn is None
    assert year_plan(back, at("2026-11-06")).turn is None, "its dates are settled"
    assert year_plan(replace(back, pin=2026), at("2026-11-06")).turn == DueTurn(2026, 2025, None)


def test_manual_prepares_nothing_and_is_replaced_at_switchover_all_the_same() -> None:
    manual = school(new_base="Manual")
    assert year_plan(manual, at("2026-08-20")).new_base is None
    assert year_plan(manual, at("2026-08-26")).turn is not None


def test_missed_dates_are_made_up_once_by_the_newest() -> None:
    stopped = school(2023, done=YearDone(archived=2022))
    plan = year_plan(stopped, at("2026-10-01"))
    assert plan.archive is not None
    assert (plan.archive.passing_year, plan.new_base) == (2025, None)
    assert plan.turn == DueTurn(2026, 2023, at("2026-08-26"))
    after = replace(stopped, serves=2026, years=(Held(2023, "Kept"), Held(2026)), done=YearDone(2025, 2026, 2026))
    again = year_plan(after, at("2026-10-02"))
    assert (again.archive, again.new_base, again.turn) == (None, None, None)


def test_dates_that_had_passed_when_the_school_came_never_come() -> None:
    late = school(known_since=at("2026-09-10"), done=YearDone())
    plan = year_plan(late, at("2026-09-11"))
    assert (plan.archive, plan.new_base, plan.turn) == (None, None, None)
    assert plan.case is Switchover.KEEP_SETTLED
    assert plan.next_turn == DueTurn(2027, 2025, at("2027-08-26"))
    assert year_plan(late, at("2027-08-26")).turn == DueTurn(2027, 2025, at("2027-08-26"))


def test_an_object_made_anew_over_its_old_volume_has_missed_nothing() -> None:
    years = [Held(2025, "InService", at("2025-08-26"))]
    since = known_since(at("2026-09-10"), years)
    assert since == at("2025-08-26")
    assert year_plan(school(known_since=since), at("2026-09-11")).turn is not None


@pytest.mark.parametrize(
    ("now", "year"),
    [("2026-06-30", 2025), ("2026-07-15", 2025), ("2026-08-14 23", 2025), ("2026-08-15", 2026), ("2026-08-26", 2026)],
)
def test_an_empty_base_of_mid_summer_is_of_the_coming_year_once_those_are_prepared(now: str, year: int) -> None:
    assert first_year(METROPOLE, PARIS, at(now)) == year


def test_an_empty_base_made_in_mid_summer_is_not_replaced_by_an_empty_one() -> None:
    made = at("2026-08-20")
    year = first_year(METROPOLE, PARIS, made)
    facts = school(year, known_since=made, done=YearDone())
    for day in range(370):
        plan = year_plan(facts, made + timedelta(days=day))
        assert plan.turn is None or plan.turn.year == 2027
    assert year_plan(facts, at("2026-08-27")).case is Switchover.KEEP_NEW


def test_one_made_before_that_day_follows_the_calendar() -> None:
    made = at("2026-07-15")
    facts = school(first_year(METROPOLE, PARIS, made), known_since=made, done=YearDone())
    assert year_plan(facts, at("2026-07-16")).archive is None
    assert year_plan(facts, at("2026-08-15")).new_base == DueNewBase(2026, 2025)
    assert year_plan(facts, at("2026-08-26")).turn is not None


def test_an_older_year_that_was_restored_after_the_turn_is_not_turned_again() -> None:
    restored = school(2025, years=(Held(2025), Held(2026, "Kept")), done=YearDone(2025))
    plan = year_plan(restored, at("2026-10-01"))
    assert (plan.case, plan.turn, plan.archive) == (Switchover.KEEP_SETTLED, None, None)
    assert year_plan(restored, at("2027-08-26")).turn == DueTurn(2027, 2025, at("2027-08-26"))


def test_a_new_base_that_was_taken_away_is_not_prepared_twice() -> None:
    assert year_plan(school(done=YearDone(2025, 2026)), at("2026-08-20")).new_base is None


def test_a_school_that_asks_for_the_preview_in_july_turns_then() -> None:
    moved = school(dates=PREVIEW, done=YearDone(archived=2025))
    plan = year_plan(moved, at("2026-07-10"))
    assert plan.archive is None, "taken on 1 July by its former calendar"
    assert plan.turn == DueTurn(2026, 2025, at("2026-07-05"))


def test_a_school_that_moves_to_another_calendar_goes_on_from_its_year() -> None:
    served = school(2026, CALEDONIA, NOUMEA, done=YearDone(archived=2025))
    assert year_plan(served, at("2026-10-15", NOUMEA)).turn is None
    assert year_plan(served, at("2027-01-25", NOUMEA)).turn == DueTurn(2027, 2026, at("2027-01-25", NOUMEA))
    back = school(2027, METROPOLE, PARIS, done=YearDone(archived=2026))
    assert year_plan(back, at("2027-03-15")).case is Switchover.KEEP_NEW
    assert year_plan(back, at("2027-08-27")).turn is None
    assert year_plan(back, at("2027-07-02")).archive is None
    assert year_plan(back, at("2028-08-26")).turn == DueTurn(2028, 2027, at("2028-08-26"))


def test_a_lost_status_is_made_good_from_the_volume() -> None:
    facts = school(
        done=YearDone(),
        years=(Held(2024, "Kept"), Held(2025), Held(2026, "Prepared")),
        snapshots=("archive-20260701T0230Z", "archive-annuelle-20260630T2200Z", "securite-20260801T100000Z", "junk"),
    )
    assert all_done(facts) == YearDone(archived=2025, prepared=2026, turned=2025)


def test_an_extra_year_end_archive_does_not_stand_for_that_of_the_date() -> None:
    assert archived_year(METROPOLE, PARIS, "archive-annuelle-20260512T091733Z") is None
    assert archived_year(METROPOLE, PARIS, "archive-annuelle-20260512T0900Z") is None
    assert archived_year(METROPOLE, PARIS, "archive-annuelle-20260624T2200Z") == 2025, "the preview's, on 25 June"


def test_a_date_on_29_february_comes_on_the_28th_in_common_years() -> None:
    leap = Calendar.model_construct(year_end_archive="01-31", new_base="02-15", switchover="02-29")
    assert turn_to(leap, PARIS, 2027).switchover == at("2027-02-28")
    assert turn_to(leap, PARIS, 2028).switchover == at("2028-02-29")


@settings(max_examples=50, deadline=None)
@given(calendars, zones, st.integers(2001, 2060))
def test_the_dates_of_a_turn_follow_each_other_within_a_year(dates: Calendar, tz: str, year: int) -> None:
    turn, last = turn_to(dates, tz, year), turn_to(dates, tz, year - 1)
    assert last.switchover < turn.archive < turn.new_base < turn.switchover
    assert local_date(tz, turn.switchover).year == year
    assert f"{local_date(tz, turn.archive):%m-%d}" == dates.year_end_archive


@settings(max_examples=50, deadline=None)
@given(calendars, zones, st.integers(2024, 2030))
def test_an_archive_is_known_again_by_its_date(dates: Calendar, tz: str, year: int) -> None:
    turn = turn_to(dates, tz, year)
    due = year_plan(school(year - 1, dates, tz, done=YearDone()), turn.archive).archive
    assert due is not None
    assert archived_year(dates, tz, due.name) == due.passing_year == year - 1


@settings(max_examples=50, deadline=None)
@given(calendars, zones, moments, st.integers(2022, 2031), st.none() | st.integers(2022, 2031))
def test_no_plan_goes_back_and_nothing_changes_before_it_says(
    dates: Calendar, tz: str, now: datetime, serves: int, pin: int | None
) -> None:
    facts = school(serves, dates, tz, pin=pin)
    plan = year_plan(facts, now)
    assert plan.again > now
    if plan.turn is not None:
        assert plan.turn.year > serves
    if plan.new_base is not None:
        assert plan.new_base.year > serves
    assert year_plan(facts, plan.again - timedelta(microseconds=1)) == plan


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90), calendars, zones, st.sampled_from([None, "pin", "down"])), max_size=30),
    moments,
)
def test_a_base_that_is_moved_about_sees_each_date_once_and_skips_no_year(
    course: list[tuple[int, Calendar, str, str | None]], began: datetime
) -> None:
    """Whatever becomes of a base, and however long nobody looks at it."""
    serves, done, held = first_year(METROPOLE, PARIS, began), YearDone(), {first_year(METROPOLE, PARIS, began)}
    archived: list[int] = []
    prepared: list[int] = []
    now = began
    for days, dates, tz, event in course:
        now += timedelta(days=days)
        if event == "down":
            continue
        years = tuple(
            Held(year, "InService" if year == serves else "Kept" if year < serves else "Prepared") for year in held
        )
        facts = School(dates, tz, began, serves, years, done, pin=serves if event == "pin" else None)
        plan = year_plan(facts, now)
        if plan.archive is not None:
            archived.append(plan.archive.passing_year)
            done = noted(done, archived=plan.archive.passing_year)
        if plan.new_base is not None:
            prepared.append(plan.new_base.year)
            held.add(plan.new_base.year)
            done = noted(done, prepared=plan.new_base.year)
        if plan.turn is not None:
            assert plan.turn.from_ == serves < plan.turn.year
            newest = max(year for year in range(2020, 2045) if turn_to(dates, tz, year).switchover <= now)
            assert plan.turn.year == newest
            serves = plan.turn.year
            held.add(serves)
            done = noted(done, turned=serves)
        elif event != "pin":
            due = [year for year in range(2020, 2045) if began < turn_to(dates, tz, year).switchover <= now]
            assert serves >= max(due, default=0), "no year is skipped"
    assert archived == sorted(set(archived))
    assert prepared == sorted(set(prepared))
