"""What the metrics tell of a channel's rollout."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from pronote_operator.api.versionchannel import Calendar
from pronote_operator.planning.calendar import instant
from pronote_operator.planning.rollout_figures import (
    PHASES,
    ComingSwitchover,
    Counts,
    RolloutFigures,
    rollout_figures,
)
from pronote_operator.planning.waves import WaveDecision

PARIS, MARTINIQUE, NOUMEA, REUNION = "Europe/Paris", "America/Martinique", "Pacific/Noumea", "Indian/Reunion"
CALENDARS = {
    "metropole": Calendar(year_end_archive="07-01", new_base="08-15", switchover="08-26"),
    "reunion": Calendar(year_end_archive="07-01", new_base="07-20", switchover="08-10"),
    "nouvelle-caledonie": Calendar(year_end_archive="12-20", new_base="01-10", switchover="01-25"),
}
JULY = datetime(2026, 7, 20, tzinfo=UTC)
IDLE = WaveDecision("Current", (), (), (), 0, None)
NOBODY = Counts(0, 0, None)


@dataclass(frozen=True)
class Listed:
    version: str
    from_: datetime | None = None


OLD = Listed("2025.2.11")


def midnight(day: str, tz: str) -> datetime:
    return instant(datetime.fromisoformat(day), tz)


def new(text: str, version: str = "2026.2.5") -> Listed:
    return Listed(version, datetime.fromisoformat(text))


AUGUST = (OLD, new("2026-08-26T20:00"))


def figures(
    *releases: Listed,
    followed: tuple[tuple[str, str], ...] = (("metropole", PARIS),),
    now: datetime = JULY,
    decision: WaveDecision = IDLE,
    counts: Counts = NOBODY,
) -> RolloutFigures:
    return rollout_figures(
        "stable",
        decision,
        counts,
        releases=releases or AUGUST,
        calendars=CALENDARS,
        followed=followed,
        now=now,
    )


def coming(*releases: Listed, tz: str = PARIS, calendar: str = "metropole", now: datetime = JULY) -> ComingSwitchover:
    (found,) = figures(*releases, followed=((calendar, tz),), now=now).switchovers
    return found


def test_bases_are_counted_by_what_has_become_of_them() -> None:
    decision = replace(IDLE, phase="Halted", in_flight=("ns/a", "ns/b"), failed=("ns/c",), waiting=10)
    found = figures(decision=decision, counts=Counts(30, 4, JULY))
    assert found.bases == {"updated": 30, "waiting": 14, "in_flight": 2, "failed": 1}
    assert (found.channel, found.phase, found.oldest_due) == ("stable", "Halted", JULY)
    assert set(PHASES) == {"Current", "Scheduled", "Canary", "Progressing", "Halted", "Paused"}


def test_the_next_switchover_of_a_calendar_is_that_of_the_zone_where_it_comes_first() -> None:
    followed = (("metropole", MARTINIQUE), ("metropole", PARIS), ("nouvelle-caledonie", NOUMEA), ("gone", PARIS))
    found = figures(followed=followed).switchovers
    assert [(one.calendar, one.moment) for one in found] == [
        ("metropole", midnight("2026-08-26", PARIS)),
        ("nouvelle-caledonie", midnight("2027-01-25", NOUMEA)),
    ]


def test_nobody_follows_and_nothing_comes() -> None:
    assert figures(followed=()).switchovers == ()


def test_a_release_on_the_evening_of_the_switchover_is_the_one_for_it() -> None:
    assert coming(*AUGUST).has_release


@pytest.mark.parametrize(
    ("release", "has"),
    [
        (new("2026-08-06T20:00"), True),
        (new("2026-08-26T23:59:59"), True),
        (new("2026-08-27T00:00"), False),
        (new("2026-09-02T20:00"), False),
        (new("2026-08-26T20:00", "2025.2.12"), False),
        (new("2026-07-02T20:00", "2026.1.3"), True),
        (new("2026-08-26T20:00", "2027.1.1"), True),
    ],
    ids=lambda value: f"{value.from_:%m-%d-%H%M}-{value.version}" if isinstance(value, Listed) else str(value),
)
def test_it_is_of_the_years_software_and_due_within_a_day_of_the_switchover(release: Listed, has: bool) -> None:
    assert coming(OLD, release).has_release is has


def test_last_years_release_alone_is_none_for_the_switchover() -> None:
    assert not coming(OLD).has_release
    assert not coming(new("2026-12-01T20:00")).has_release, "none is due at all by then"


def test_a_release_that_was_listed_without_a_date_is_one() -> None:
    assert coming(Listed("2026.2.5")).has_release


def test_a_turn_in_january_asks_for_no_software_since_there_is_none_of_its_year() -> None:
    for now in (JULY, datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 24, tzinfo=UTC)):
        found = coming(*AUGUST, calendar="nouvelle-caledonie", tz=NOUMEA, now=now)
        assert (found.moment, found.has_release) == (midnight("2027-01-25", NOUMEA), True)


def test_la_reunion_turns_before_the_release_of_metropolitan_france() -> None:
    assert not coming(*AUGUST, calendar="reunion", tz=REUNION).has_release
    assert coming(OLD, new("2026-08-10T20:00"), calendar="reunion", tz=REUNION).has_release


def test_a_zone_that_has_turned_says_nothing_of_one_that_has_not() -> None:
    both = (("metropole", MARTINIQUE), ("metropole", PARIS))
    between = midnight("2026-08-26", PARIS) + timedelta(hours=1)
    (found,) = figures(*AUGUST, followed=both, now=between).switchovers
    assert (found.moment, found.has_release) == (midnight("2026-08-26", MARTINIQUE), True)
    (after,) = figures(*AUGUST, followed=both, now=between + timedelta(hours=6)).switchovers
    assert (after.moment.year, after.has_release) == (2027, False)
