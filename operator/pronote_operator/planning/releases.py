"""Which release of a channel is due for a base: a pure function of the channel, the base's time zone and the clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from pronote_operator.planning.calendar import instant


class Release(Protocol):
    """A release as a channel lists it; the API's model is one."""

    @property
    def version(self) -> str: ...

    @property
    def from_(self) -> datetime | None: ...


R = TypeVar("R", bound=Release)


def due_release(releases: Sequence[R], tz: str, now: datetime) -> R | None:
    """The release that a base in the zone `tz` should run at the instant `now` (aware): the newest that has come.

    Releases are listed oldest first; one without `from` has always come. None when none has come.

    Raises:
        UnknownZoneError: `tz` is no time zone.
    """
    for release in reversed(releases):
        comes = release_time(release, tz)
        if comes is None or comes <= now:
            return release
    return None


def next_release_time(releases: Iterable[Release], tz: str, now: datetime) -> datetime | None:
    """The instant (UTC), strictly after `now`, at which to look again for a base in `tz`; None: nothing is coming."""
    times = (release_time(release, tz) for release in releases)
    return min((comes for comes in times if comes is not None and comes > now), default=None)


def release_time(release: Release, tz: str) -> datetime | None:
    """The instant (UTC) at which `release` comes for a base in `tz`; None when it always has been there.

    `from` is what the clock on the wall shows (naive): on the autumn night its first occurrence counts, and a time that
    the spring night skips comes as long after the change.
    """
    return None if release.from_ is None else instant(release.from_, tz)
