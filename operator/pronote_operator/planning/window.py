"""The hours in which bases are restarted for a roll, by the clock on the wall of each base's own time zone.

A window may pass midnight, and is open from its start to just before its end. What counts is what the clock shows: on
the spring night a window loses the hour that is skipped, in autumn it has the doubled hour twice. No window at all
means any hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol

from pronote_operator.planning.calendar import instant, zone

_DAY = timedelta(days=1)
_LOOK_AHEAD = 4
"""Days within which a window that ever opens does; the spring night may swallow it once."""


class Hours(Protocol):
    """A window: local times of day as `HH:MM`, which differ; the API's model is one."""

    @property
    def start(self) -> str: ...

    @property
    def end(self) -> str: ...


def is_open(window: Hours | None, tz: str, now: datetime) -> bool:
    """Whether a roll may be begun at the instant `now` (aware) for a base in the zone `tz`.

    Raises:
        UnknownZoneError: `tz` is no time zone.
    """
    return window is None or _is_open(window.start, window.end, tz, now)


def next_open(window: Hours | None, tz: str, after: datetime) -> datetime:
    """The first instant (UTC), at or after `after` (aware), at which a roll may be begun.

    Where the start falls into the hour that is skipped in spring, it is as long after the change.

    Raises:
        UnknownZoneError: `tz` is no time zone.
    """
    if window is None or _is_open(window.start, window.end, tz, after):
        return after.astimezone(UTC)
    today = after.astimezone(zone(tz)).date()
    for days in range(_LOOK_AHEAD):
        begins = instant(datetime.combine(today + days * _DAY, _clock(window.start)), tz)
        if begins >= after and _is_open(window.start, window.end, tz, begins):
            return begins
    raise AssertionError(f"a window from {window.start} to {window.end} opens within days")


def closes(window: Hours | None, tz: str, now: datetime) -> datetime | None:
    """When the window that is open at `now` closes (UTC); None when none is open, or it never closes.

    Raises:
        UnknownZoneError: `tz` is no time zone.
    """
    if window is None or not _is_open(window.start, window.end, tz, now):
        return None
    today = now.astimezone(zone(tz)).date()
    ends = (instant(datetime.combine(today + days * _DAY, _clock(window.end)), tz) for days in (0, 1))
    # In the doubled hour of autumn the end may have been shown once already: it closes when it is shown again.
    return next((end for end in ends if end > now), now.astimezone(UTC) + timedelta(hours=1))


def _is_open(start: str, end: str, tz: str, now: datetime) -> bool:
    shown = now.astimezone(zone(tz)).time()
    begins, ends = _clock(start), _clock(end)
    return begins <= shown < ends if begins < ends else shown >= begins or shown < ends


@lru_cache(maxsize=1024)
def _clock(text: str) -> time:
    return time.fromisoformat(text)
