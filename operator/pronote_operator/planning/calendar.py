"""Dates of a school year: month-day dates read in a base's own time zone.

The channel gives dates as `MM-DD`. A date begins at local midnight. 29 February falls on the 28th in common years, so
that a yearly date exists every year.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_NOT_ZONES = frozenset({"localtime", "posixrules", "Factory"})
"""Names that a machine's zone folder holds, and that mean something else on every machine."""
_LEAP_YEAR = 2000


class UnknownZoneError(ValueError):
    """A time zone that is not in the IANA database."""


class InvalidMonthDayError(ValueError):
    """A date that is not a month and a day of it, `MM-DD`."""


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone called `name`, as written in the database (`Europe/Paris`, `Pacific/Noumea`, `UTC`).

    Raises:
        UnknownZoneError: there is none, or the name means something else on another machine.
    """
    if _ZONE_NAME.fullmatch(name) and name not in _NOT_ZONES and not name.startswith(("posix/", "right/")):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise UnknownZoneError(f"{name!r} is not an IANA time zone; write one as in Europe/Paris or Pacific/Noumea")


def parse_month_day(month_day: str) -> tuple[int, int]:
    """Month and day of `MM-DD`; 29 February is a date.

    Raises:
        InvalidMonthDayError: no such day exists in any year.
    """
    if _MONTH_DAY.fullmatch(month_day):
        month, day = int(month_day[:2]), int(month_day[3:])
        if day <= calendar.monthrange(_LEAP_YEAR, month)[1]:
            return month, day
    raise InvalidMonthDayError(f"{month_day!r} is not a date; write month and day as in 08-26")


def date_in_year(month_day: str, year: int) -> date:
    """The day on which `month_day` falls in `year`: 29 February falls on the 28th in a common year."""
    month, day = parse_month_day(month_day)
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def instant(local: datetime, tz: str) -> datetime:
    """The instant, in UTC, of a naive local time in the zone `tz`.

    A time that the clock shows twice (autumn) is its first occurrence; a time that the clock skips (spring) is as long
    after the change as it is past the start of the gap. Both are PEP 495's `fold=0`.
    """
    return local.replace(tzinfo=zone(tz), fold=0).astimezone(UTC)


def local_date(tz: str, now: datetime) -> date:
    """The day that people in the zone `tz` write at the instant `now` (aware)."""
    return now.astimezone(zone(tz)).date()


def start_of_day(day: date, tz: str) -> datetime:
    """The instant, in UTC, at which `day` begins in the zone `tz`, also where midnight is skipped or shown twice."""
    begins = instant(datetime(day.year, day.month, day.day), tz)  # noqa: DTZ001 (local time of the zone)
    if local_date(tz, begins) == day:
        return begins
    # A zone that jumped over the whole day (Apia, 30 December 2011): the day begins when the next one does.
    return instant(datetime(day.year, day.month, day.day) + timedelta(days=1), tz)  # noqa: DTZ001
