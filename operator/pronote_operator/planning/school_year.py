"""What the school year asks of one base now: a pure function of its calendar, its volume, what was done and the clock.

A *turn* leads to a school year, and has three dates: the year-end archive (archive annuelle) of the passing year, the
preparation of the coming year's empty base (base vide), and the switchover (bascule). Each is settled once for each
school year, whatever the calendar that it came from: a base that moves to another calendar or channel sees no date
twice, skips no year, and never goes back a year by itself. A person who pins a past year that the volume still holds
gets it, and keeps it when the pin is taken out: its dates are settled. What is settled is read from the volume and from
`status`; that an object was created says nothing. A date that was missed (operator down, base stopped, year held by a
pin) is made up once, by the newest one; a date that had passed before the school was here never comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal, Protocol

from pronote_operator.api.snapshots import SnapshotKind, parsed_name, snapshot_name
from pronote_operator.planning.calendar import date_in_year, local_date, parse_month_day, start_of_day
from pronote_operator.planning.snapshot_history import kind_of

_HALF_A_YEAR = timedelta(days=183)


class Dates(Protocol):
    """The three dates of a calendar, each `MM-DD`, following each other round the year; the API's model is one."""

    @property
    def year_end_archive(self) -> str: ...

    @property
    def new_base(self) -> str: ...

    @property
    def switchover(self) -> str: ...


class YearOnVolume(Protocol):
    """The base of one school year on the data volume; the API's model is one."""

    @property
    def school_year(self) -> int: ...

    @property
    def state(self) -> Literal["InService", "Prepared", "Kept"]: ...

    @property
    def created_time(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn to a school year: the instants (UTC) at which its three dates begin, in their order."""

    year: int
    archive: datetime
    new_base: datetime
    switchover: datetime


@dataclass(frozen=True, slots=True)
class YearDone:
    """What was done for the school year, each as the newest year for which it is settled; None: nothing yet.

    Args:
        archived: the passing year whose year-end archive was taken.
        prepared: the coming year whose empty base was prepared.
        turned: the year that was put in service by a turn.
    """

    archived: int | None = None
    prepared: int | None = None
    turned: int | None = None


@dataclass(frozen=True, slots=True)
class School:
    """What is known of a base.

    Args:
        dates: of its calendar.
        tz: its time zone, a valid one.
        known_since: since when the school is here, aware (see `known_since`).
        serves: the school year of the base that is in service, or that was when it was stopped.
        years: all that its volume holds.
        done: as noted in `status`; what the volume tells is added here.
        snapshots: names of the snapshots that exist.
        pin: the year to hold, None to follow the calendar.
        new_base: Manual where no base is to be prepared by itself (contrordre).
    """

    dates: Dates
    tz: str
    known_since: datetime
    serves: int
    years: Sequence[YearOnVolume] = ()
    done: YearDone = YearDone()
    snapshots: Sequence[str] = ()
    pin: int | None = None
    new_base: Literal["Automatic", "Manual"] = "Automatic"


class Switchover(StrEnum):
    """What becomes of the base in service, by the newest switchover that has come."""

    REPLACE = "Replace"
    """It is of a passing year: the empty base of the new year takes its place."""
    KEEP_NEW = "KeepNew"
    """It already is of the new year, or of a later one."""
    KEEP_PINNED = "KeepPinned"
    """A pin holds its year."""
    KEEP_SETTLED = "KeepSettled"
    """The date passed before the school was here, or it has turned already and an older year was restored since."""


@dataclass(frozen=True, slots=True)
class DueArchive:
    """The year-end archive to ask for now: of what is in service, under a name that makes asking twice one archive."""

    passing_year: int
    name: str
    slot: datetime


@dataclass(frozen=True, slots=True)
class DueNewBase:
    """The empty base to prepare now beside that of `from_`."""

    year: int
    from_: int


@dataclass(frozen=True, slots=True)
class DueTurn:
    """The year to put in service by the next roll in place of `from_`.

    Args:
        since: when it fell due (UTC); None where a pin asks for it, which has no date.
    """

    year: int
    from_: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class YearProblem:
    """What a person asked for and does not get: machine reason and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class YearPlan:
    """What the school year asks for now.

    Args:
        case: what becomes of the base in service.
        archive, new_base, turn: to do now, None for nothing; the first two restart nobody, the turn is a roll.
        next_turn: the turn that falls due next if nothing else changes; None while one is due or a pin holds.
        again: when time alone changes this plan at the earliest (UTC).
        problem: what cannot be done as asked.
    """

    case: Switchover
    archive: DueArchive | None
    new_base: DueNewBase | None
    turn: DueTurn | None
    next_turn: DueTurn | None
    again: datetime
    problem: YearProblem | None = None


def turn_to(dates: Dates, tz: str, year: int) -> Turn:
    """The turn that leads to a school year: its switchover is in that calendar year, the other two before it.

    Raises:
        InvalidMonthDayError, UnknownZoneError: the calendar or the zone makes no sense.
    """
    return _turn(dates.year_end_archive, dates.new_base, dates.switchover, tz, year)


def first_year(dates: Dates, tz: str, now: datetime) -> int:
    """The school year of an empty base that is made at the instant `now` (aware), where no pin says which.

    From the day on which the coming year's bases are prepared (`newBase`), an empty base is one for the coming year: a
    school makes its first by hand at the time at which later ones come by themselves, fills it, and must not see it
    replaced at the end of August as if it were last year's. Before that day it is for the year that is on.
    """
    return max(turn.year for turn in _turns(dates, tz, now) if turn.new_base <= now)


def next_switchover(dates: Dates, tz: str, now: datetime) -> datetime:
    """The first switchover after `now` (aware), in UTC."""
    return next(turn.switchover for turn in _turns(dates, tz, now) if turn.switchover > now)


def known_since(created: datetime, years: Iterable[YearOnVolume]) -> datetime:
    """Since when a school is here: the creation of the object, or of the oldest base on the volume if that is older.

    An object that was deleted and made anew over the volume that it left behind has not missed less for it.
    """
    return min([created, *(year.created_time for year in years if year.created_time is not None)])


def noted(
    done: YearDone, *, archived: int | None = None, prepared: int | None = None, turned: int | None = None
) -> YearDone:
    """The same with something more done; what was done for a later year stays."""
    return YearDone(_newer(done.archived, archived), _newer(done.prepared, prepared), _newer(done.turned, turned))


def all_done(school: School) -> YearDone:
    """What was done, by the status and by the volume: either may have been lost, neither is believed to undo."""
    held = [year.school_year for year in school.years]
    served = [year.school_year for year in school.years if year.state != "Prepared"]
    archived = [
        passing
        for name in school.snapshots
        if kind_of(name) is SnapshotKind.YEAR_END_ARCHIVE
        and (passing := archived_year(school.dates, school.tz, name)) is not None
    ]
    return noted(
        school.done,
        archived=max(archived, default=None),
        prepared=max(held, default=None),
        turned=max(served, default=None),
    )


def archived_year(dates: Dates, tz: str, name: str) -> int | None:
    """The passing year that a year-end archive is the one of, by the date in its name; None when it is of no date.

    Those of a date are named for its first instant, midnight in the school's zone; others are extra ones (a person's,
    or the one before a turn), and the date still comes. The date may be that of another calendar: the nearest counts.
    """
    return _archived_year(dates.year_end_archive, dates.new_base, dates.switchover, tz, name)


def year_plan(school: School, now: datetime) -> YearPlan:
    """The plan for one base at the instant `now` (aware).

    Raises:
        InvalidMonthDayError, UnknownZoneError: the calendar or the zone makes no sense.
    """
    turns = _turns(school.dates, school.tz, now)
    done = all_done(school)
    case, turn, problem = _switchover(school, done, turns, now)
    return YearPlan(
        case=case,
        archive=_archive(school, done, turns, now),
        new_base=None if turn is not None else _new_base(school, done, turns, now),
        turn=turn,
        next_turn=None if turn is not None else _next_turn(school, done, turns, now),
        again=_next_date(turns, now),
        problem=problem,
    )


def _switchover(
    school: School, done: YearDone, turns: Sequence[Turn], now: datetime
) -> tuple[Switchover, DueTurn | None, YearProblem | None]:
    newest = next(turn for turn in reversed(turns) if turn.switchover <= now)
    if school.pin is not None:
        return _pinned(school, newest.year)
    if newest.year <= school.serves:
        return Switchover.KEEP_NEW, None, None
    if newest.year <= (done.turned or 0) or newest.switchover <= school.known_since:
        return Switchover.KEEP_SETTLED, None, None
    return Switchover.REPLACE, DueTurn(newest.year, school.serves, newest.switchover), None


def _pinned(school: School, current: int) -> tuple[Switchover, DueTurn | None, YearProblem | None]:
    pin = school.pin
    assert pin is not None, "asked of pinned ones"
    if pin < school.serves:
        held = sorted(year.school_year for year in school.years if year.state != "Prepared")
        if pin in held:
            return Switchover.REPLACE, DueTurn(pin, school.serves, None), None
        message = (
            f"spec.schoolYear.pin: {pin} is before {school.serves}, which is in service, and is not on the data "
            f"volume, which holds {', '.join(map(str, held)) or 'no other'}"
        )
        return Switchover.KEEP_PINNED, None, YearProblem("PinnedYearMissing", message)
    if pin > max(current + 1, school.serves):
        message = (
            f"spec.schoolYear.pin: {pin} is further away than the coming year, {current + 1}; "
            f"{school.serves} is held until then"
        )
        return Switchover.KEEP_PINNED, None, YearProblem("PinnedYearTooFar", message)
    if pin > school.serves:
        return Switchover.REPLACE, DueTurn(pin, school.serves, None), None
    return Switchover.KEEP_PINNED, None, None


def _archive(school: School, done: YearDone, turns: Sequence[Turn], now: datetime) -> DueArchive | None:
    newest = next(turn for turn in reversed(turns) if turn.archive <= now)
    passing = newest.year - 1
    if passing < school.serves or newest.archive <= school.known_since or passing <= (done.archived or 0):
        # A base that already is of the coming year was archived when it turned.
        return None
    return DueArchive(passing, snapshot_name(SnapshotKind.YEAR_END_ARCHIVE, newest.archive), newest.archive)


def _new_base(school: School, done: YearDone, turns: Sequence[Turn], now: datetime) -> DueNewBase | None:
    newest = next(turn for turn in reversed(turns) if turn.new_base <= now)
    if school.new_base == "Manual" or school.pin is not None or newest.switchover <= now:
        # Past its switchover the turn makes it, if there still is one to come.
        return None
    if newest.year <= school.serves or newest.new_base <= school.known_since:
        return None
    if newest.year <= max(done.prepared or 0, done.turned or 0):
        return None
    return DueNewBase(newest.year, school.serves)


def _next_turn(school: School, done: YearDone, turns: Sequence[Turn], now: datetime) -> DueTurn | None:
    if school.pin is not None:
        return None
    newest = next(turn for turn in reversed(turns) if turn.switchover <= now)
    first = turn_to(school.dates, school.tz, max(newest.year, school.serves, done.turned or 0) + 1)
    return DueTurn(first.year, school.serves, first.switchover)


def _next_date(turns: Sequence[Turn], now: datetime) -> datetime:
    coming = next(turn for turn in turns if turn.switchover > now)
    return next(date for date in (coming.archive, coming.new_base, coming.switchover) if date > now)


def _turns(dates: Dates, tz: str, now: datetime) -> tuple[Turn, ...]:
    """The turns around `now`, by year: for each of the dates, one that has come and one that has not are among them."""
    return _turns_around(dates.year_end_archive, dates.new_base, dates.switchover, tz, local_date(tz, now).year)


@lru_cache(maxsize=4096)
def _turns_around(archive: str, new_base: str, switchover: str, tz: str, year: int) -> tuple[Turn, ...]:
    return tuple(_turn(archive, new_base, switchover, tz, each) for each in range(year - 1, year + 3))


@lru_cache(maxsize=4096)
def _turn(archive: str, new_base: str, switchover: str, tz: str, year: int) -> Turn:
    last, middle, first = parse_month_day(switchover), parse_month_day(new_base), parse_month_day(archive)
    middle_year = year if middle <= last else year - 1
    first_year_ = middle_year if first <= middle else middle_year - 1
    return Turn(
        year,
        start_of_day(date_in_year(archive, first_year_), tz),
        start_of_day(date_in_year(new_base, middle_year), tz),
        start_of_day(date_in_year(switchover, year), tz),
    )


@lru_cache(maxsize=65536)
def _archived_year(archive: str, new_base: str, switchover: str, tz: str, name: str) -> int | None:
    slot = parsed_name(name)[1]
    if start_of_day(local_date(tz, slot), tz) != slot:
        return None
    reach = slot + _HALF_A_YEAR  # The newest date up to there is the nearest to the slot.
    turns = _turns_around(archive, new_base, switchover, tz, local_date(tz, reach).year)
    return max(turn.year for turn in turns if turn.archive <= reach) - 1


def _newer(known: int | None, year: int | None) -> int | None:
    if known is None or year is None:
        return year if known is None else known
    return max(known, year)
