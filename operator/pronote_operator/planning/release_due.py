"""Whether a base that runs one release should take another: never a step back that nobody asked for.

The order of a channel's list decides between two releases that it names: whoever lists an older version after a newer
one means it. A release that the channel does not name (it was withdrawn from the list, or the base came from another
channel) is compared by its version, and is left for a newer one only: data that a newer server has written must not
meet an older one because of an edit of a list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from pronote_operator.planning.calendar import instant
from pronote_operator.planning.releases import Release

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){1,5}")


class ListedRelease(Release, Protocol):
    """A release with its image, as a channel lists it; the API's model is one."""

    @property
    def image(self) -> str: ...


class ReleaseCase(StrEnum):
    """How the release that a base runs stands to those of its channel."""

    CURRENT = "Current"
    DUE = "Due"
    """Another one is due."""
    NOTHING_DUE = "NothingDue"
    """None has come yet in the base's time zone."""
    AHEAD = "AheadOfChannel"
    """The base runs one that the channel lists for later: it is kept until the channel has caught up."""
    NOT_LISTED = "ReleaseNotListed"
    """The base runs one that the channel does not list, and what is due is older: a person must say what is meant."""


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """What the channel's releases ask of one base now.

    Args:
        case: see ReleaseCase.
        version, image: to take; None to stay. Both or neither.
        since: when it fell due (UTC); None when it always was.
        next: when a release that the base would take comes next (UTC), besides the one that is due; None: none does.
        message: a sentence for people where a release is kept that is not the one that is due; else empty.
    """

    case: ReleaseCase
    version: str | None = None
    image: str | None = None
    since: datetime | None = None
    next: datetime | None = None
    message: str = ""


def release_plan(
    releases: Sequence[ListedRelease], tz: str, now: datetime, in_force: tuple[str, str] | None
) -> ReleasePlan:
    """The plan for a base in the zone `tz` at the instant `now` (aware).

    Args:
        releases: of the channel, oldest first.
        tz: of the base.
        now: aware.
        in_force: version and image that the base was last given; None before the first.

    Raises:
        UnknownZoneError: `tz` is no time zone.
    """
    times = [None if release.from_ is None else _comes(release.from_, tz) for release in releases]
    position = max((at for at, comes in enumerate(times) if comes is None or comes <= now), default=None)
    coming = min(
        (
            comes
            for release, comes in zip(releases, times, strict=True)
            if comes is not None and comes > now and _is_later(releases, release, in_force)
        ),
        default=None,
    )
    if position is None:
        return ReleasePlan(ReleaseCase.NOTHING_DUE, next=coming)
    due, since = releases[position], times[position]
    if in_force == (due.version, due.image):
        return ReleasePlan(ReleaseCase.CURRENT, next=coming)
    if in_force is None or due.version == in_force[0] or _is_later(releases, due, in_force):
        return ReleasePlan(ReleaseCase.DUE, due.version, due.image, since, coming)
    if _position(releases, in_force[0]) is not None:
        message = (
            f"Release {in_force[0]} is in service, and due later; {due.version}, which is due, is not gone back to"
        )
        return ReleasePlan(ReleaseCase.AHEAD, next=coming, message=message)
    message = (
        f"Release {in_force[0]} is in service and is not in the channel's list (withdrawn, or the base came from "
        f"another channel); {due.version}, which is due, is older and is not gone back to: a newer one will be taken"
    )
    return ReleasePlan(ReleaseCase.NOT_LISTED, next=coming, message=message)


def later_releases(releases: Sequence[ListedRelease], in_force: tuple[str, str] | None) -> tuple[tuple[str, str], ...]:
    """The releases (version, image), due or to come, that a base has yet to take; oldest first."""
    return tuple(
        (release.version, release.image)
        for release in releases
        if _is_later(releases, release, in_force)
        or (in_force is not None and release.version == in_force[0] and release.image != in_force[1])
    )


@lru_cache(maxsize=4096)
def version_key(version: str) -> tuple[int, ...]:
    """What versions are compared by, number by number; nothing for a text that is no version."""
    return tuple(int(part) for part in version.split(".")) if _VERSION.fullmatch(version) else ()


def _is_later(releases: Sequence[ListedRelease], release: ListedRelease, in_force: tuple[str, str] | None) -> bool:
    if in_force is None:
        return True
    there, here = _position(releases, in_force[0]), _position(releases, release.version)
    if there is not None and here is not None:
        return here > there
    known = version_key(in_force[0])
    # What is no version cannot be compared: it is kept, and a person is asked.
    return known != () and version_key(release.version) > known


def _position(releases: Sequence[ListedRelease], version: str) -> int | None:
    return next((at for at, release in enumerate(releases) if release.version == version), None)


@lru_cache(maxsize=4096)
def _comes(local: datetime, tz: str) -> datetime:
    return instant(local, tz)
