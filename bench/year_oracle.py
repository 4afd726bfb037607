"""What must be true of a fleet on every day, reckoned apart from the planners and as plainly as can be.

By the calendar on the wall and the clock on it: no instants, no windows, no states of a roll.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bench.year_world import CALENDARS, RELEASES, School
from pronote_operator.planning.roll import RollPhase
from pronote_operator.planning.target import Target

GRACE = timedelta(days=4)
"""Within which the whole fleet has what came: a day to the last canary's evening, a night, and a person who mends."""
PLENTY = timedelta(days=20)
"""For what comes while a rollout is halted and its failures are mended."""


ALWAYS = datetime.fromisoformat("2000-01-01")
"""When what always was came."""


class OracleError(AssertionError):
    """The fleet is not as it must be."""


def local(tz: str, now: datetime) -> datetime:
    """What the clock on the wall shows, without a zone."""
    return now.astimezone(ZoneInfo(tz)).replace(tzinfo=None)


def year_due(dates_name: str, channel: str, tz: str, now: datetime) -> tuple[int, timedelta]:
    """The school year by the calendar, and for how long it has been on."""
    dates, shown = CALENDARS[channel][dates_name], local(tz, now)
    begins = datetime.fromisoformat(f"{shown.year}-{dates.switchover}")
    if begins > shown:
        begins = begins.replace(year=shown.year - 1)
    return begins.year, shown - begins


def release_due(channel: str, tz: str, now: datetime) -> tuple[str, timedelta]:
    """The release that is due, and for how long it has been."""
    shown = local(tz, now)
    come = [(one.from_ or ALWAYS, one.version) for one in RELEASES[channel] if (one.from_ or ALWAYS) <= shown]
    return come[-1][1], shown - come[-1][0]


@lru_cache(maxsize=64)
def number(version: str) -> tuple[int, ...]:
    """A version to compare."""
    return tuple(map(int, version.split(".")))


def check_begin(
    schools: Iterable[School], now: datetime, *, flying: int, limit: int, failed: int, allowed: int
) -> None:
    """Some bases begin to be rolled.

    Args:
        schools: that begin.
        now: aware.
        flying: how many of the channel are in flight with them.
        limit: how many may be.
        failed: how many have failed since the spec was changed.
        allowed: how many may have; less than none where a canary has.

    Raises:
        OracleError: they must not.
    """
    for school in schools:
        hour = local(school.region.tz, now).hour
        if not (hour >= 20 or hour < 5):
            raise OracleError(f"{school.key} begins at {hour} o'clock")
        if failed > allowed:
            raise OracleError(f"{school.key} begins after {failed} failures, {allowed} may be")
    if flying > limit:
        raise OracleError(f"{flying} in flight, {limit} may be")


def check_archived(school: School, snapshot: str | None, now: datetime) -> None:
    """What a restart must find.

    Raises:
        OracleError: the archive of the roll is not there.
    """
    if snapshot is None or school.archives.get(snapshot, now + timedelta(days=1)) > now:
        raise OracleError(f"{school.key} is restarted without the archive {snapshot}")


def went_back(school: School, target: Target, generation: int) -> None:
    """A base goes back from a target.

    Raises:
        OracleError: it does so twice, though nobody has changed the channel's spec.
    """
    if (target, generation) in school.failed:
        raise OracleError(f"{school.key} goes back from {target} twice")
    school.failed.append((target, generation))


class Days:
    """Looks at the whole fleet once a day.

    Args:
        last_change: when the spec of each channel was changed last; what had failed before is tried again.
        generation: of the spec of each channel.
    """

    def __init__(self) -> None:
        self.last_change: dict[str, datetime] = {}
        self.generation: dict[str, int] = {}
        self.looks = 0
        self._last: dict[str, Target] = {}
        self._seen: dict[str, tuple[int, tuple[int, ...]]] = {}

    def look(self, schools: list[School], now: datetime) -> None:
        """Check all bases.

        Raises:
            OracleError: one has not what it must have.
        """
        expected: dict[tuple[str, str, str], tuple[int, timedelta, str, timedelta]] = {}
        for school in schools:
            if school.created > now:
                continue
            self.looks += 1
            group = (school.channel, school.region.calendar, school.region.tz)
            if group not in expected:
                channel, calendar, tz = group
                expected[group] = (*year_due(calendar, channel, tz, now), *release_due(channel, tz, now))
            year, _, version, _ = expected[group]
            runs = school.template.runs
            if runs.school_year != year or runs.version != version or school.pin is not None:
                self._differs(school, now, *expected[group])
            self._never_back(school)

    def _differs(
        self, school: School, now: datetime, year: int, year_on: timedelta, version: str, version_on: timedelta
    ) -> None:
        runs = school.template.runs
        what = f"{school.key} in {school.region.tz} runs {runs.version} of {runs.school_year} on {now:%Y-%m-%d %H:%M}"
        if school.pin is not None:
            if runs.school_year != school.pin:
                raise OracleError(f"{what}, pinned to {school.pin}")
        elif runs.school_year > year and not self._ahead(school, now):
            raise OracleError(f"{what}, before its time")
        if number(runs.version) > number(version) and school.moves is None:
            raise OracleError(f"{what}, before its time")
        if self._excused(school, now):
            return
        grace = GRACE if school.moves is None or now > school.moves[0] + GRACE else PLENTY
        if school.pin is None and runs.school_year < year and year_on > grace:
            raise OracleError(f"{what} instead of {year}, {year_on} after the switchover")
        if number(runs.version) < number(version) and version_on > grace:
            raise OracleError(f"{what} instead of {version}, {version_on} after it came")

    def _ahead(self, school: School, now: datetime) -> bool:
        """Made in summer after the day of new bases, or gone over from a channel where the year turns earlier."""
        dates = CALENDARS[school.channel][school.region.calendar]
        made = local(school.region.tz, school.created)
        if f"{made:%m-%d}" >= dates.new_base and made.year == school.template.runs.school_year:
            return True
        return school.moves is not None and now >= school.moves[0]

    def _excused(self, school: School, now: datetime) -> bool:
        """Stopped; unpinned or moved just now; or failed, and nothing was changed since."""
        if school.stopped_until is not None:
            return True
        if school.unpinned is not None and now < school.unpinned + GRACE:
            return True
        if school.moves is not None and school.moves[0] <= now < school.moves[0] + GRACE:
            return True
        if now < self.last_change.get(school.channel, now - PLENTY) + GRACE:
            return True
        roll = school.roll
        if roll is None or roll.phase is not RollPhase.ROLLED_BACK:
            return False
        return (roll.to, self.generation.get(school.channel, 1)) in school.failed

    def _never_back(self, school: School) -> None:
        if self._last.get(school.key) is school.template.runs:
            return
        runs = (school.template.runs.school_year, number(school.template.runs.version))
        before = self._seen.get(school.key, runs)
        flying = school.roll is not None and (school.roll.failed or school.roll.in_flight)
        if (runs[0] < before[0] or runs[1] < before[1]) and not flying:
            raise OracleError(f"{school.key} went from {before} back to {runs}")
        if not flying:
            self._seen[school.key] = runs
            self._last[school.key] = school.template.runs


def check_end(school: School, now: datetime) -> None:
    """What a whole year must have left.

    Raises:
        OracleError: a year-end archive was taken twice, or one is missing.
    """
    if len(set(school.year_ends)) != len(school.year_ends):
        raise OracleError(f"{school.key} has year-end archives of {school.year_ends}")
    if school.stopped_until is not None or school.moves is not None:
        return
    dates, tz = CALENDARS[school.channel][school.region.calendar], school.region.tz
    for year in range(2026, 2028):
        taken = datetime.fromisoformat(f"{year}-{dates.year_end_archive}")
        passing = year - 1 if dates.year_end_archive < dates.switchover else year
        made = local(tz, school.created)
        if made < taken < local(tz, now) - GRACE and passing not in school.year_ends:
            if all(held.school_year > passing for held in school.years):
                continue  # it came in summer with the coming year's
            raise OracleError(f"{school.key} has no year-end archive of {passing}: {school.year_ends}")
