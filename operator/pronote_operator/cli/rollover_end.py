"""When a rollover should be over: from the plan that the channel tells, and the pace of the rolls that are done.

The plan knows the windows and the dates, and gives each wave the least time that one takes. How long a roll takes here,
with this storage and these schools, only those that are done can tell: their median takes the place of it. No clock.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pronote_operator.api.versionchannel import PlannedWave
from pronote_operator.cli.rollover_facts import Rollover, waits_for_turn
from pronote_operator.cli.times import known_zone
from pronote_operator.planning.roll import Roll, RollPhase
from pronote_operator.planning.wave_plan import LONGEST_PLAN, ROLL_TIME
from pronote_operator.planning.window import Hours, next_open


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast bases go over.

    Args:
        roll_time: what one roll takes.
        at_once: rolls at the same time.
        soak: how long the others wait after the canaries.
        window: hours in which rolls are begun, None for any.
        zone: in which the window is read, a valid one: that of most bases.
    """

    roll_time: timedelta
    at_once: int
    soak: timedelta
    window: Hours | None
    zone: str


@dataclass(frozen=True, slots=True)
class Expected:
    """When it should be over.

    Args:
        waves: the end of each wave of the plan, in its order.
        whole: the end of all, with those that no wave names yet; None where nothing is to come.
        untold: how many bases no wave names yet.
        measured: what a roll took so far; None where it is not known, and the plan's own time was taken.
    """

    waves: tuple[datetime, ...]
    whole: datetime | None
    untold: int = 0
    measured: timedelta | None = None


def expected_end(rollover: Rollover, now: datetime) -> Expected:
    """When the rollover of a channel should be over; nothing while it is held, by a pause or since it halted.

    Args:
        now: aware.
    """
    status, rollout = rollover.channel.status, rollover.channel.spec.rollout
    rolls = [base.roll for base in rollover.fleet or () if base.roll is not None]
    measured = measured_roll_time(rolls, status.target)
    after = untold(status.plan, _candidates(rollover))
    if rollover.channel.spec.paused or rollover.halted:
        return Expected((), None, after, measured)
    pace = Pace(
        roll_time=measured or ROLL_TIME,
        at_once=rollover.at_once,
        soak=rollover.soak,
        window=rollout.window,
        zone=known_zone(rollover.zone),
    )
    began = [each.roll.started if each.roll is not None else now for each in rollover.in_flight]
    waves, whole = expected(status.plan, after, began, pace, now)
    return Expected(waves, whole, after, measured)


def measured_roll_time(rolls: Iterable[Roll], version: str | None) -> timedelta | None:
    """The median time of the rolls that brought a release well; None where none did.

    Args:
        version: of the release; None for any.
    """
    taken = [
        (roll.completed - roll.started).total_seconds()
        for roll in rolls
        if roll.phase is RollPhase.DONE and roll.completed is not None and version in (None, roll.to.version)
    ]
    return timedelta(seconds=statistics.median(taken)) if taken else None


def expected(
    plan: Sequence[PlannedWave], untold: int, in_flight: Sequence[datetime], pace: Pace, now: datetime
) -> tuple[tuple[datetime, ...], datetime | None]:
    """When each wave, and when all of it should be over (UTC); None where nothing is to come.

    Args:
        plan: the waves to come, in their order.
        untold: bases that follow after them (see `untold`).
        in_flight: when those that go over now began.
        now: aware.

    Raises:
        UnknownZoneError: `pace.zone` is no time zone.
    """
    ends: list[datetime] = []
    free = now
    for wave in plan:
        # Those in flight give their places back one by one: the first wave does not wait for the last of them.
        planned = wave.start_time or now
        ends.append(_after_rounds(max(planned, free), wave.bases, pace, planned=planned))
        free = ends[-1] + (pace.soak if wave.wave == 0 else timedelta())
    last = [*ends[-1:], *(max(now, began + pace.roll_time) for began in in_flight)]
    if untold:
        last.append(_after_rounds(free, untold, pace, planned=None))
    return tuple(ends), max(last, default=None)


def untold(plan: Sequence[PlannedWave], candidates: int) -> int:
    """How many bases go over after the waves of the plan: none, unless it is as long as a plan can be.

    Args:
        candidates: bases that have yet to begin.
    """
    return max(0, candidates - sum(wave.bases for wave in plan)) if len(plan) >= LONGEST_PLAN else 0


def _candidates(rollover: Rollover) -> int:
    """How many bases have yet to begin, as far as that is known."""
    if rollover.channel.status.phase == "Scheduled":  # of what comes nobody has anything yet
        return rollover.total - len(rollover.in_flight)
    if rollover.fleet is not None:
        return waits_for_turn(rollover.waiting)
    return rollover.total - rollover.updated - len(rollover.in_flight) - len(rollover.failed)


def _after_rounds(start: datetime, bases: int, pace: Pace, *, planned: datetime | None) -> datetime:
    """The end of so many bases, so many at once, each round begun in the window."""
    free = start
    for _ in range(max(1, -(-bases // pace.at_once))):
        if free != planned:  # The plan knows the window of its own bases, which may be in another zone.
            free = next_open(pace.window, pace.zone, free)
        free += pace.roll_time
    return free
