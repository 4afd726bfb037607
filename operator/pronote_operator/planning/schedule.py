"""Slots of a cron schedule, and when each falls due for one base.

A slot is the nominal time that cron names, in the base's time zone; it falls due a stable offset later, which spreads
the fleet. Cron is Debian's, by cronsim: a schedule at fixed hours (`30 2 * * *`) fires once in the autumn night, and
right after the change where the spring night skips its time; one with a star for the hour goes on by the clock that
runs, so the doubled hour has slots of its own.

Slots are only ever computed from the start of a UTC day on, and kept by (schedule, zone, day): two bases, and two looks
at one base, never disagree about them, and a thousand bases of one policy cost the parsing of cron once a day.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

from pronote_operator.planning.calendar import zone

LOOK_BACK = timedelta(days=9)
"""How far back a missed slot is looked for: past the longest deadline (7 days) and the widest spread (1 day)."""
FREE_SHARE = 10
"""One part in so many at the end of the spread falls due for nobody, so that those who waited for a place are done
within the spread too."""

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class InvalidScheduleError(ValueError):
    """A schedule that is no cron expression of five fields, or that never comes."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """When one kind of snapshot of one base is due.

    Args:
        schedule: five cron fields.
        tz: the base's time zone, IANA.
        offset: how long after a slot's nominal time it falls due for this base.
        deadline: how long after that it may still be started; more than nothing.
    """

    schedule: str
    tz: str
    offset: timedelta
    deadline: timedelta


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a timetable; all times in UTC."""

    time: datetime
    """The nominal time; a snapshot is named for it."""
    due: datetime
    expires: datetime
    """From then on it is missed."""


def spread_offset(uid: str, spread_minutes: int) -> timedelta:
    """The stable offset of a base inside the spread: whole seconds, from none to nine tenths of it.

    It depends on the UID alone, so that all kinds of snapshot of a base share it.
    """
    seconds = spread_minutes * 60 * (FREE_SHARE - 1) // FREE_SHARE
    digest = hashlib.blake2b(uid.encode("utf-8", "surrogatepass"), digest_size=8, person=b"spread").digest()
    return timedelta(seconds=int.from_bytes(digest, "big") % seconds if seconds else 0)


def check_schedule(schedule: str) -> None:
    """Find out whether a schedule can be followed.

    Raises:
        InvalidScheduleError: it is not understood, or names a day that never comes; the message says which.
    """
    _cron(schedule, "UTC", datetime(2000, 1, 1, tzinfo=UTC))


def newest_due(timetable: Timetable, settled: datetime, now: datetime) -> Slot | None:
    """The newest slot that has fallen due by `now` and is later than `settled`, be it missed or not.

    Older ones are never asked for again: what was missed is made up once, by the newest.

    Raises:
        InvalidScheduleError, UnknownZoneError: the timetable makes no sense.
    """
    found = latest_slot(timetable.schedule, timetable.tz, now - timetable.offset, settled)
    return None if found is None else _slot(timetable, found)


def due_slot(timetable: Timetable, settled: datetime, now: datetime) -> Slot | None:
    """The slot to take a snapshot for now: the newest one due and not settled, while its deadline has not passed.

    Args:
        timetable: of the base.
        settled: the newest slot that was taken, failed or missed (`lastSlotTime`), or the base's creation if that is
            later. One in the future, after the clock went back, leaves nothing to do until the clock has passed it:
            no slot comes twice.
        now: aware.

    Raises:
        InvalidScheduleError, UnknownZoneError: the timetable makes no sense.
    """
    slot = newest_due(timetable, settled, now)
    return slot if slot is not None and now < slot.expires else None


def next_due(timetable: Timetable, settled: datetime, now: datetime) -> Slot | None:
    """The first slot later than `settled` that falls due after `now`; None when none ever does.

    Raises:
        InvalidScheduleError, UnknownZoneError: the timetable makes no sense.
    """
    found = next_slot(timetable.schedule, timetable.tz, max(settled, now - timetable.offset))
    return None if found is None else _slot(timetable, found)


def latest_slot(schedule: str, tz: str, until: datetime, after: datetime) -> datetime | None:
    """The newest slot at or before `until` and later than `after`, at most `LOOK_BACK` before `until`."""
    floor = max(after, until - LOOK_BACK)
    day = until.astimezone(UTC).date()
    first = floor.astimezone(UTC).date()
    while day >= first:
        slots = slots_of_day(schedule, tz, day)
        position = bisect_right(slots, until)
        if position:
            found = slots[position - 1]
            return found if found > floor else None
        day -= _DAY
    return None


def next_slot(schedule: str, tz: str, after: datetime) -> datetime | None:
    """The first slot later than `after`; None when there is none within fifty years."""
    day = after.astimezone(UTC).date()
    slots = slots_of_day(schedule, tz, day)
    position = bisect_right(slots, after)
    return slots[position] if position < len(slots) else _first_from(schedule, tz, day + _DAY)


@lru_cache(maxsize=4096)
def interval(schedule: str, tz: str, day: date) -> timedelta | None:
    """The longest time between slots that follow one another, from a UTC day on for some nine days; None: no two come.

    For people and alerts that ask how old the newest snapshot may be.
    """
    begins = datetime.combine(day, time(), UTC)
    longest: timedelta | None = None
    earlier = _first_from(schedule, tz, day)
    while earlier is not None and (longest is None or earlier < begins + LOOK_BACK):
        later = next_slot(schedule, tz, earlier)
        if later is None:
            break
        longest = later - earlier if longest is None else max(longest, later - earlier)
        earlier = later
    return longest


@lru_cache(maxsize=4096)
def slots_of_day(schedule: str, tz: str, day: date) -> tuple[datetime, ...]:
    """The slots within one day of UTC, in order, as instants in UTC."""
    ends = datetime.combine(day, time(), UTC) + _DAY
    found: list[datetime] = []
    for moment in _from_day(schedule, tz, day):
        if moment >= ends:
            break
        found.append(moment)
    return tuple(found)


@lru_cache(maxsize=4096)
def _first_from(schedule: str, tz: str, day: date) -> datetime | None:
    return next(_from_day(schedule, tz, day), None)


def _from_day(schedule: str, tz: str, day: date) -> Iterator[datetime]:
    """Slots from the start of a UTC day on, strictly later each time."""
    begins = datetime.combine(day, time(), UTC)
    newest = begins - _SECOND
    for local in _cron(schedule, tz, newest):
        moment = local.astimezone(UTC)
        # cronsim reads a start inside a doubled hour as its first occurrence, and may answer with the past.
        if moment > newest:
            newest = moment
            yield moment


def _cron(schedule: str, tz: str, start: datetime) -> CronSim:
    if len(schedule.split()) != 5:
        raise InvalidScheduleError(f"{schedule!r} is no schedule: five cron fields are needed, as in 30 2 * * *")
    try:
        return CronSim(schedule, start.astimezone(zone(tz)))
    except CronSimError as error:
        raise InvalidScheduleError(f"{schedule!r} is no schedule that ever comes: {error}") from error


def _slot(timetable: Timetable, found: datetime) -> Slot:
    due = found + timetable.offset
    return Slot(found, due, due + timetable.deadline)
