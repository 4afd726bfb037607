"""Figures of one channel's rollout, for the metrics: how far it is, what is overdue, and the coming switchovers.

Whether a switchover has its release is told by the version, which begins with the school year that the software is made
for. Software of a year comes out in its summer: the preview (préversion) in the first days of July, the release in
August. So a turn from July on (metropolitan France, La Réunion, Polynésie) is to find software of the year that it
leads to, within the time for which a turn waits for its release: else an old server opens the new year's base, and the
release costs every school a second restart.

In Nouvelle-Calédonie, and in Wallis-et-Futuna, the year turns in January, and software comes in August all the same: in
January there is no software of the year that begins, and will be none for half a year. Schools turn with what they
have, as they should, and nothing is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from pronote_operator.planning.calendar import local_date
from pronote_operator.planning.release_due import version_key
from pronote_operator.planning.releases import Release, due_release
from pronote_operator.planning.school_year import Dates, next_switchover
from pronote_operator.planning.target import JOIN_TIME
from pronote_operator.planning.waves import Phase, WaveDecision

PHASES: tuple[Phase, ...] = get_args(Phase)
SOFTWARE_COMES = 7
"""Month from which on there is software of the school year that begins in that calendar year."""
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many bases of a channel are how far; see `Waves`.

    Args:
        updated: run what is due for them.
        hindered: could not begin what is due for them.
        oldest_due: since when the base has waited, or been in flight, that has for longest (aware); None: none does.
    """

    updated: int
    hindered: int
    oldest_due: datetime | None


@dataclass(frozen=True, slots=True)
class ComingSwitchover:
    """The next turn of a calendar that bases follow.

    Args:
        calendar: its name.
        moment: when it begins in the zone where it does first (UTC).
        has_release: whether nothing is missing for it: the software of the year is due by then in every zone, or there
            can be none yet.
    """

    calendar: str
    moment: datetime
    has_release: bool


@dataclass(frozen=True, slots=True)
class RolloutFigures:
    """What the metrics tell of one channel.

    Args:
        channel: its name.
        phase: of the rollout.
        bases: how many, by state: updated, waiting (those that could not begin among them), in_flight, failed. One that
            is stalled, suspended or stopped is in none, unless it is up to date or failed.
        oldest_due: see Counts.
        switchovers: by name of the calendar.
    """

    channel: str
    phase: Phase
    bases: Mapping[str, int]
    oldest_due: datetime | None
    switchovers: tuple[ComingSwitchover, ...]


def rollout_figures(
    channel: str,
    decision: WaveDecision,
    counts: Counts,
    *,
    releases: Sequence[Release],
    calendars: Mapping[str, Dates],
    followed: Iterable[tuple[str, str]],
    now: datetime,
) -> RolloutFigures:
    """The figures of a channel at the instant `now` (aware).

    Args:
        channel: its name.
        decision, counts: of its waves now.
        releases: of its spec, oldest first.
        calendars: of its spec.
        followed: (calendar, time zone) of its bases; calendars that the channel has not are left out.
        now: aware.

    Raises:
        InvalidMonthDayError, UnknownZoneError: a calendar or a zone makes no sense.
    """
    zones: dict[str, set[str]] = {}
    for calendar, tz in followed:
        if calendar in calendars:
            zones.setdefault(calendar, set()).add(tz)
    return RolloutFigures(
        channel=channel,
        phase=decision.phase,
        bases={
            "updated": counts.updated,
            "waiting": decision.waiting + counts.hindered,
            "in_flight": len(decision.in_flight),
            "failed": len(decision.failed),
        },
        oldest_due=counts.oldest_due,
        switchovers=tuple(_coming(name, calendars[name], zones[name], releases, now) for name in sorted(zones)),
    )


def _coming(
    name: str, dates: Dates, zones: Iterable[str], releases: Sequence[Release], now: datetime
) -> ComingSwitchover:
    turns = sorted((next_switchover(dates, tz, now), tz) for tz in zones)
    moment, first = turns[0]
    year = local_date(first, moment).year
    # A zone that has turned already has its next turn a year later: it is no part of the one to come.
    same = [(at, tz) for at, tz in turns if local_date(tz, at).year == year]
    return ComingSwitchover(name, moment, all(_has_release(at, tz, releases) for at, tz in same))


def _has_release(switchover: datetime, tz: str, releases: Sequence[Release]) -> bool:
    """Whether nothing is missing for a turn; see the module."""
    day = local_date(tz, switchover)
    if day.month < SOFTWARE_COMES:
        return True
    due = due_release(releases, tz, switchover + JOIN_TIME - _MOMENT)
    return due is not None and version_key(due.version)[:1] >= (day.year,)
