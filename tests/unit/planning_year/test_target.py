"""What a base should run: releases without a step back, and one restart for release and year."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.versionchannel import Calendar
from pronote_operator.planning.calendar import instant, start_of_day
from pronote_operator.planning.release_due import ReleaseCase, ReleasePlan, later_releases, release_plan, version_key
from pronote_operator.planning.releases import due_release
from pronote_operator.planning.school_year import School, YearDone, YearPlan, turn_to, year_plan
from pronote_operator.planning.target import JOIN_TIME, RollDue, Target, roll_due

PARIS, NOUMEA = "Europe/Paris", "Pacific/Noumea"


@dataclass(frozen=True)
class Listed:
    version: str
    from_: datetime | None = None
    image: str = "pronote:1"


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def paris(text: str) -> datetime:
    return instant(local(text), PARIS)


OLD, PREVIEW = Listed("2025.2.11"), Listed("2026.1.3", local("2026-07-02T20:00:00"))
NEW, NEXT = Listed("2026.2.5", local("2026-08-26T20:00:00")), Listed("2026.2.6", local("2026-09-09T20:00:00"))
STABLE = [OLD, NEW, NEXT]


def running(release: Listed) -> tuple[str, str]:
    return release.version, release.image


def test_the_newest_release_that_has_come_is_taken() -> None:
    plan = release_plan(STABLE, PARIS, paris("2026-08-26T20:00"), running(OLD))
    assert plan == ReleasePlan(
        ReleaseCase.DUE, NEW.version, NEW.image, paris("2026-08-26T20:00"), paris("2026-09-09T20:00")
    )
    assert release_plan(STABLE, PARIS, paris("2026-08-26T21:00"), running(NEW)).case is ReleaseCase.CURRENT


def test_a_new_base_takes_what_is_due() -> None:
    assert release_plan(STABLE, PARIS, paris("2026-08-01"), None).version == OLD.version
    nothing = release_plan([NEW], PARIS, paris("2026-08-01"), None)
    assert (nothing.case, nothing.version, nothing.next) == (ReleaseCase.NOTHING_DUE, None, paris("2026-08-26T20:00"))


def test_a_release_withdrawn_from_the_list_is_left_for_a_newer_one_only() -> None:
    withdrawn = [OLD, NEXT]
    plan = release_plan(withdrawn, PARIS, paris("2026-08-27"), running(NEW))
    assert (plan.case, plan.version, plan.next) == (ReleaseCase.NOT_LISTED, None, paris("2026-09-09T20:00"))
    assert "2026.2.5" in plan.message
    assert "2025.2.11" in plan.message
    assert release_plan(withdrawn, PARIS, paris("2026-09-10"), running(NEW)).version == NEXT.version


def test_a_channel_whose_due_release_is_older_takes_nobody_back() -> None:
    plan = release_plan(STABLE, PARIS, paris("2026-07-20"), running(PREVIEW))
    assert (plan.case, plan.version) == (ReleaseCase.NOT_LISTED, None)
    assert release_plan(STABLE, PARIS, paris("2026-08-27"), running(PREVIEW)).version == NEW.version


def test_a_release_that_was_put_off_is_kept_by_those_who_have_it() -> None:
    later = [OLD, replace(NEW, from_=local("2026-10-01T20:00:00"))]
    plan = release_plan(later, PARIS, paris("2026-08-27"), running(NEW))
    assert (plan.case, plan.version, plan.next) == (ReleaseCase.AHEAD, None, None)


def test_an_older_version_that_is_listed_after_a_newer_one_is_meant() -> None:
    meant = [OLD, NEW, Listed("2026.2.4", local("2026-08-28T20:00:00"))]
    assert release_plan(meant, PARIS, paris("2026-08-29"), running(NEW)).version == "2026.2.4"


def test_another_image_of_the_same_version_is_taken() -> None:
    mended = [OLD, replace(NEW, image="pronote:2")]
    plan = release_plan(mended, PARIS, paris("2026-08-27"), running(NEW))
    assert (plan.version, plan.image) == (NEW.version, "pronote:2")
    assert later_releases(mended, running(NEW)) == ((NEW.version, "pronote:2"),)


def test_what_is_no_version_is_not_compared() -> None:
    assert release_plan(STABLE, PARIS, paris("2026-08-27"), ("nightly", "x")).case is ReleaseCase.NOT_LISTED
    assert version_key("2026.2.10") > version_key("2026.2.9")
    assert version_key("9" * 5000) == ()


def test_releases_to_come_are_those_after_ones_own() -> None:
    assert later_releases(STABLE, running(OLD)) == (running(NEW), running(NEXT))
    assert later_releases(STABLE, running(PREVIEW)) == (running(NEW), running(NEXT))
    assert later_releases(STABLE, running(NEXT)) == ()


_VERSIONS = [f"2026.{minor}.{patch}" for minor in (1, 2) for patch in range(4)]
_TIMES = st.datetimes(local("2026-01-01"), local("2026-12-31"))


@st.composite
def lists(draw: st.DrawFn) -> list[Listed]:
    versions = draw(st.lists(st.sampled_from(_VERSIONS), min_size=1, max_size=6, unique=True))
    times = sorted(draw(st.lists(_TIMES, min_size=len(versions), max_size=len(versions), unique=True)))
    return [Listed(version, time) for version, time in zip(versions, times, strict=True)]


@settings(max_examples=60, deadline=None)
@given(lists(), st.sampled_from(_VERSIONS) | st.none(), _TIMES)
def test_a_step_back_is_never_taken_unless_the_list_says_so(
    listed: list[Listed], version: str | None, moment: datetime
) -> None:
    now = moment.replace(tzinfo=UTC)
    plan = release_plan(listed, PARIS, now, None if version is None else (version, "pronote:1"))
    due = due_release(listed, PARIS, now)
    names = [release.version for release in listed]
    if plan.version is not None:
        assert due is not None
        assert plan.version == due.version
        assert plan.version != version
        if version is not None and version in names:
            assert names.index(plan.version) > names.index(version)
        elif version is not None:
            assert version_key(plan.version) > version_key(version)
    else:
        assert due is None or (version is not None and (due.version == version or plan.message))
    if plan.next is not None:
        assert plan.next > now


METROPOLE = Calendar(year_end_archive="07-01", new_base="08-15", switchover="08-26")
CALEDONIA = Calendar(year_end_archive="12-20", new_base="01-10", switchover="01-25")
IN_FORCE = Target(OLD.version, OLD.image, 2025)


def year(now: datetime, dates: Calendar = METROPOLE, tz: str = PARIS, serves: int = 2025) -> YearPlan:
    since = datetime(2020, 1, 1, tzinfo=UTC)
    return year_plan(School(dates, tz, since, serves, done=YearDone(serves, serves, serves)), now)


def due(now: datetime, releases: list[Listed] = STABLE, in_force: Target = IN_FORCE, **other: object) -> RollDue:
    release = release_plan(releases, PARIS, now, (in_force.version, in_force.image))
    return roll_due(in_force, release, year(now, serves=in_force.school_year), now, **other)  # type: ignore[arg-type]


def test_year_and_release_of_the_same_day_cost_one_restart() -> None:
    night = due(paris("2026-08-26T00:00"))
    assert (night.target, night.comes) == (None, paris("2026-08-26T20:00"))
    evening = due(paris("2026-08-26T20:00"))
    assert evening.target == Target(NEW.version, NEW.image, 2026)
    assert evening.since == paris("2026-08-26T20:00")
    assert due(paris("2026-08-20")).comes == paris("2026-08-26T20:00")


def test_a_release_of_the_evening_before_waits_for_the_year() -> None:
    early = [OLD, replace(NEW, from_=local("2026-08-25T20:00:00"))]
    assert due(paris("2026-08-25T20:00"), early).target is None
    assert due(paris("2026-08-26T00:00"), early).target == Target(NEW.version, NEW.image, 2026)


def test_what_comes_before_the_window_closes_is_waited_for() -> None:
    long_due = [replace(NEW, from_=local("2026-08-20T20:00:00"))]
    now = paris("2026-08-25T22:00")
    assert due(now, long_due).target == Target(NEW.version, NEW.image, 2025)
    assert due(now, long_due, closes=paris("2026-08-26T05:00")).target is None


def test_the_year_alone_drags_no_release_that_is_not_due() -> None:
    later = [OLD, replace(NEW, from_=local("2026-09-02T20:00:00"))]
    assert due(paris("2026-08-26T20:00"), later).target == Target(OLD.version, OLD.image, 2026)


def test_a_release_alone_drags_no_year() -> None:
    early = [OLD, replace(NEW, from_=local("2026-08-05T20:00:00"))]
    assert due(paris("2026-08-06"), early).target == Target(NEW.version, NEW.image, 2025)


def test_an_august_release_does_not_turn_the_year_in_nouvelle_caledonie() -> None:
    now = instant(local("2026-08-26T20:00:00"), NOUMEA)
    in_force = Target(OLD.version, OLD.image, 2026)
    release = release_plan(STABLE, NOUMEA, now, running(OLD))
    assert roll_due(in_force, release, year(now, CALEDONIA, NOUMEA, 2026), now).target == Target(
        NEW.version, NEW.image, 2026
    )
    january = start_of_day(local("2027-01-25").date(), NOUMEA)
    current = release_plan(STABLE, NOUMEA, january, running(NEXT))
    turned = roll_due(Target(NEXT.version, NEXT.image, 2026), current, year(january, CALEDONIA, NOUMEA, 2026), january)
    assert turned.target == Target(NEXT.version, NEXT.image, 2027)


@settings(max_examples=60, deadline=None)
@given(lists(), st.sampled_from(_VERSIONS), _TIMES, st.integers(0, 26))
def test_every_part_is_rolled_in_its_time_and_within_a_day_of_it(
    listed: list[Listed], version: str, moment: datetime, open_hours: int
) -> None:
    now = moment.replace(tzinfo=UTC)
    in_force = Target(version, "pronote:1", 2025)
    closing = now + timedelta(hours=open_hours) if open_hours else None
    release = release_plan(listed, PARIS, now, running(Listed(version)))
    turn = year(now)
    found = roll_due(in_force, release, turn, now, closing)
    if found.target is not None:
        assert found.target.version == (release.version or version)
        assert found.target.school_year == (turn.turn.year if turn.turn else 2025)
        assert found.target != in_force
    elif release.version or turn.turn:
        assert found.comes is not None
        assert now < found.comes
        since = release.since or turn_to(METROPOLE, PARIS, 2026).switchover
        assert found.comes < max(since + JOIN_TIME, closing or now)
