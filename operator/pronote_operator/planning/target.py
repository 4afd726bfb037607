"""What one roll of a base leads to: release and school year together where both are due, for one restart.

Two parts, each with its own dates. A part that is due never drags the other along before that one's time. But where
the other follows within a day, or while the window is still open, the first waits for it: in metropolitan France the
year turns on a day in late August and the release comes on that day's evening, and the school is restarted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pronote_operator.planning.release_due import ReleasePlan
from pronote_operator.planning.school_year import YearPlan

JOIN_TIME = timedelta(hours=24)
"""How long after it fell due a part waits for the other at most, besides the rest of the window that is open."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a base runs: the release, by version and image, and the school year that it serves."""

    version: str
    image: str
    school_year: int


@dataclass(frozen=True, slots=True)
class RollDue:
    """The roll that one base needs.

    Args:
        target: to roll to; None when nothing is due, or what is due waits for its other part.
        since: when the last part of it fell due (UTC); None when it always was, or when there is no target.
        comes: when a target falls due next if nothing else changes (UTC); None while there is one, or none is coming.
    """

    target: Target | None
    since: datetime | None = None
    comes: datetime | None = None


def roll_due(
    in_force: Target, release: ReleasePlan, year: YearPlan, now: datetime, closes: datetime | None = None
) -> RollDue:
    """The roll that is due for a base at the instant `now` (aware).

    Args:
        in_force: what it was last given.
        release: of its channel.
        year: of its calendar.
        now: aware.
        closes: when the window that is open at `now` closes; None when none is open or it never closes.
    """
    software = release.version is not None
    next_turn = year.next_turn.since if year.next_turn is not None else None
    if not software and year.turn is None:
        return RollDue(None, comes=_earliest(release.next, next_turn))
    if software != (year.turn is not None):
        other = next_turn if software else release.next
        since = release.since if software else year.turn.since if year.turn is not None else None
        if other is not None and other < _joins_until(since, closes, now):
            return RollDue(None, comes=other)
    target = Target(
        version=release.version or in_force.version,
        image=release.image or in_force.image,
        school_year=year.turn.year if year.turn is not None else in_force.school_year,
    )
    fell = [at for at in (release.since, year.turn.since if year.turn else None) if at is not None]
    return RollDue(target, since=max(fell, default=None))


def _joins_until(since: datetime | None, closes: datetime | None, now: datetime) -> datetime:
    return max([now, *([since + JOIN_TIME] if since else []), *([closes] if closes else [])])


def _earliest(release: datetime | None, turn: datetime | None) -> datetime | None:
    """When the first of two parts to come can be rolled: together with the second if that follows soon."""
    if release is None or turn is None:
        return release or turn
    first, second = min(release, turn), max(release, turn)
    return second if second < first + JOIN_TIME else first
