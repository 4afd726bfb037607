"""The waves of a rollout, told before they start: how many bases each has, and when it begins at the earliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pronote_operator.planning.window import Hours, next_open

ROLL_TIME = timedelta(minutes=2)
"""What one wave takes at least, with its archives and restarts: for times that are told, nothing waits for it."""
LONGEST_PLAN = 64
"""Waves that are told; a bound of the API."""


@dataclass(frozen=True, slots=True)
class WaveGroup:
    """Bases that may go over from the same moment on.

    Args:
        canary: whether they go first.
        tz: their time zone.
        earliest: when their roll falls due, aware; None when it is due already.
        bases: how many.
    """

    canary: bool
    tz: str
    earliest: datetime | None
    bases: int


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave; 0 is the canaries.

    Args:
        number: of the wave.
        bases: how many go over in it.
        start: when it begins at the earliest (UTC).
    """

    number: int
    bases: int
    start: datetime


def planned_waves(
    groups: Sequence[WaveGroup],
    *,
    window: Hours | None,
    at_once: int,
    soak: timedelta,
    soaked: datetime | None,
    now: datetime,
) -> tuple[Wave, ...]:
    """The waves still to come, the first of `LONGEST_PLAN`.

    Args:
        groups: all that has yet to go over and does not yet.
        window: hours in which rolls are begun, None for any.
        at_once: bases in one wave.
        soak: how long canaries must have been ready.
        soaked: when the canaries that went over already will have been, None for none.
        now: aware.
    """
    waves: list[Wave] = []
    gate = max(now, soaked or now)
    starts = [(_start(group, window, now), group) for group in groups if group.bases and group.canary]
    if starts:
        bases = sum(group.bases for _, group in starts)
        waves.append(Wave(0, bases, min(start for start, _ in starts)))
        last = max(start for start, _ in starts)
        gate = max(gate, last + ROLL_TIME * -(-bases // at_once) + soak)
    left = [
        _Pending(_start(group, window, gate), group.tz, group.bases)
        for group in groups
        if group.bases and not group.canary
    ]
    return (*waves, *_followers(left, window, at_once, LONGEST_PLAN - len(waves)))


def _followers(pending: list[_Pending], window: Hours | None, at_once: int, limit: int) -> list[Wave]:
    waves: list[Wave] = []
    while pending and len(waves) < limit:
        begins = min(one.start for one in pending)
        room = at_once
        for one in sorted((one for one in pending if one.start <= begins), key=lambda one: one.tz):
            taken = min(room, one.bases)
            one.bases -= taken
            room -= taken
        waves.append(Wave(len(waves) + 1, at_once - room, begins))
        pending = [one for one in pending if one.bases]
        for one in pending:
            if one.start < begins + ROLL_TIME:
                one.start = next_open(window, one.tz, begins + ROLL_TIME)
    return waves


@dataclass(slots=True)
class _Pending:
    start: datetime
    tz: str
    bases: int


def _start(group: WaveGroup, window: Hours | None, now: datetime) -> datetime:
    return next_open(window, group.tz, max(now, group.earliest or now))
