"""Who may be rolled now, over all bases of one channel.

Canaries go first and suffer no failure; the others follow once the last canary that took the same has been ready for
the soak time, so many at once, until too many have failed. A *part* is what a roll brings: a release, or a year of a
calendar. Others wait for canaries part by part: a turn of the year in Nouvelle-Calédonie does not wait for canaries in
metropolitan France, but a release is taken by nobody before all canaries took it, wherever their evening comes first.

The order is that of a hash of the UID: stable, and unrelated to names, so that no school is always the first to try. A
base is begun only inside the window in its own time zone. One that is stopped, suspended or stalled blocks nobody and
takes no place. Past the failures that are allowed the rollout halts, and goes on only when the channel's spec changes:
failures count for the generation that they happened in.

Nothing here is remembered over a restart, and nothing needs to be: whoever is in flight says so itself (`status.roll`).
No I/O, no clock of its own; one thread. A pass costs by what has yet to begin at most, not by the size of the fleet.

Whoever takes a place must say so at once: between `may_begin` and `put` of the base as in flight nothing may wait, or
two bases take one place.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Literal

from pronote_operator.api.fields import share_of
from pronote_operator.planning.wave_plan import Wave, WaveGroup, planned_waves
from pronote_operator.planning.window import Hours, is_open, next_open

Phase = Literal["Current", "Scheduled", "Canary", "Progressing", "Halted", "Paused"]

TOLD_AHEAD = timedelta(days=30)
"""How long before they come rolls are told in the plan."""
LISTED = 100
"""Bases that are named; a bound of the API."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the bases of a channel go over; see the API's Rollout.

    Args:
        window: hours in which rolls are begun, None for any.
        max_concurrent, max_failures: a number, or a percentage of all.
        soak: how long canaries must have been ready.
        generation: of the channel's spec.
        paused: whether nobody else is begun.
        halted: whether the rollout has halted for this generation already, by the channel's status: a failed base that
            is deleted, or mended by hand, does not set it going again.
    """

    window: Hours | None
    max_concurrent: int | str
    max_failures: int | str
    soak: timedelta
    generation: int
    paused: bool = False
    halted: bool = False


@dataclass(frozen=True, slots=True)
class WaveMember:
    """One base of the channel.

    Args:
        key: what the caller knows it by, `namespace/name`.
        uid: of the object.
        tz: its time zone, a valid one.
        canary: whether it goes first.
        parts: of the roll that it waits for, or that is in flight; empty where it needs none, or could not begin (what
            is due was tried and failed; it is not ready).
        in_flight: whether a roll is under way.
        failed: generation of the channel's spec for which its last roll failed, or is stuck for a person to mend; None
            where it went well.
        broken: whether it is stalled, suspended or stopped.
        lacks: of a canary: the parts that it has yet to take, also those that come later.
        took: of a canary: the parts of its last roll that went well.
        ready_since: of a canary: since when it is ready, and not before that roll ended; None while it is not.
        comes: when its next roll falls due; None while one is due or none is coming.
        hindered: whether a roll is due that it could not begin: its server is not ready. The rollout is not done.
        updated: whether it runs what is due for it.
        since: of one that waits, is hindered or in flight: since when (see `outlook`); else None.
    """

    key: str
    uid: str
    tz: str
    canary: bool = False
    parts: tuple[str, ...] = ()
    in_flight: bool = False
    failed: int | None = None
    broken: bool = False
    lacks: tuple[str, ...] = ()
    took: tuple[str, ...] = ()
    ready_since: datetime | None = None
    comes: datetime | None = None
    hindered: bool = False
    updated: bool = True
    since: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether it needs a roll and could take one."""
        return bool(self.parts) and not self.in_flight and not self.broken

    @property
    def owes(self) -> datetime | None:
        """Since when it has not taken what is due, though it could: a broken one owes nothing."""
        return self.since if not self.broken and (self.parts or self.in_flight or self.hindered) else None


@dataclass(frozen=True, slots=True)
class WaveDecision:
    """What holds now.

    Args:
        phase: of the rollout.
        begin: keys of the bases that may be begun now, in their order.
        in_flight: keys of the bases that are being rolled.
        failed: keys of the bases whose roll failed for this generation.
        waiting: how many bases wait.
        again: when time alone changes `begin` at the earliest (UTC); None: never.
        message: why it halted, else empty.
    """

    phase: Phase
    begin: tuple[str, ...]
    in_flight: tuple[str, ...]
    failed: tuple[str, ...]
    waiting: int
    again: datetime | None
    message: str = ""


def release_part(version: str, image: str) -> str:
    """The part of a roll that brings a release."""
    return f"release {version} {image}"


def year_part(calendar: str, year: int) -> str:
    """The part of a roll that turns the year of a calendar."""
    return f"year {calendar} {year}"


def order_of(uid: str) -> int:
    """A base's place in the order."""
    return int.from_bytes(blake2b(uid.encode("utf-8", "surrogatepass"), digest_size=8, person=b"waves").digest(), "big")


_Line = tuple[bool, str, tuple[str, ...]]
"""Those that wait alike: canary, time zone, parts."""


@dataclass(slots=True)
class _Soak:
    """Canaries that took a part: since when each is ready."""

    since: dict[str, datetime | None] = field(default_factory=dict)


class Waves:
    """The bases of one channel; see the module."""

    def __init__(self, members: Iterable[WaveMember] = ()) -> None:
        self._members: dict[str, WaveMember] = {}
        self._orders: dict[str, int] = {}
        self._lines: dict[_Line, list[tuple[int, str]]] = {}
        self._coming: Counter[tuple[bool, str, datetime]] = Counter()
        self._in_flight: dict[str, None] = {}
        self._failed: dict[int, dict[str, None]] = {}
        self._lacked: Counter[str] = Counter()
        self._soaks: dict[str, _Soak] = {}
        self._owed: Counter[datetime] = Counter()
        self._updated = self._hindered = 0
        for member in members:
            self.put(member)

    def put(self, member: WaveMember) -> bool:
        """Note what a base is like now; whether that is news."""
        before = self._members.get(member.key)
        if before == member:
            return False
        if before is not None:
            self._take_out(before)
        self._members[member.key] = member
        if before is None or before.uid != member.uid:
            self._orders[member.key] = order_of(member.uid)
        self._bring_in(member)
        return True

    def remove(self, key: str) -> None:
        """A base is gone, or follows another channel."""
        member = self._members.pop(key, None)
        if member is not None:
            self._take_out(member)
            del self._orders[key]

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def __len__(self) -> int:
        return len(self._members)

    @property
    def updated(self) -> int:
        """How many bases run what is due for them."""
        return self._updated

    @property
    def hindered(self) -> int:
        """How many bases could not begin what is due for them, besides those that wait."""
        return self._hindered

    @property
    def oldest_due(self) -> datetime | None:
        """Since when the base has waited, or been in flight, that has for longest; None when none does."""
        return min(self._owed, default=None)

    def decide(self, rules: Rules, now: datetime) -> WaveDecision:
        """What holds at the instant `now` (aware).

        Raises:
            UnknownZoneError: a member's zone is none.
        """
        failed = self._failed.get(rules.generation, {})
        message = self._halted(rules, failed)
        held = rules.paused or bool(message)
        free = 0 if held else self._limit(rules) - len(self._in_flight)
        begin: tuple[str, ...] = ()
        for first in (True, False):
            if len(begin) < free:
                line = heapq.merge(*self._open_lines(rules, now, first=first))
                begin += tuple(key for _, key in islice(line, free - len(begin)))
        return WaveDecision(
            phase=self._phase(rules, now, halted=bool(message)),
            begin=begin,
            in_flight=tuple(sorted(self._in_flight)),
            failed=tuple(sorted(failed)),
            waiting=sum(map(len, self._lines.values())),
            again=None if held else self._again(rules, now),
            message=message,
        )

    def may_begin(self, key: str, rules: Rules, now: datetime) -> bool:
        """Whether this base may be begun now; if so it is to be put in flight before anybody else is asked."""
        member = self._members.get(key)
        return member is not None and member.waits and key in self.decide(rules, now).begin

    def plan(self, rules: Rules, now: datetime) -> tuple[Wave, ...]:
        """The waves still to come, of what is due and of what comes within `TOLD_AHEAD`."""
        groups = [WaveGroup(canary, tz, None, len(line)) for (canary, tz, _), line in self._lines.items()]
        groups += [
            WaveGroup(canary, tz, comes, count)
            for (canary, tz, comes), count in self._coming.items()
            if comes <= now + TOLD_AHEAD
        ]
        parts = {part for canary, _, parts in self._lines if not canary for part in parts}
        soaked = [end for part in parts if (end := self._soaked(part, rules)) is not None and end > now]
        return planned_waves(
            groups,
            window=rules.window,
            at_once=self._limit(rules),
            soak=rules.soak,
            soaked=max(soaked, default=None),
            now=now,
        )

    def _limit(self, rules: Rules) -> int:
        # A small percentage of a small fleet is still one: or nothing would ever go on.
        return max(1, share_of(rules.max_concurrent, len(self._members)))

    def _halted(self, rules: Rules, failed: dict[str, None]) -> str:
        canary = min((key for key in failed if self._members[key].canary), default=None)
        if canary is not None:
            return f"Canary {canary} failed; the rollout goes on when the channel's spec is changed"
        allowed = share_of(rules.max_failures, len(self._members))
        if len(failed) > allowed:
            return (
                f"{len(failed)} bases failed, and {allowed} may (maxFailures); "
                "the rollout goes on when the channel's spec is changed"
            )
        return (
            "Too many bases had failed; the rollout goes on when the channel's spec is changed" if rules.halted else ""
        )

    def _open_lines(self, rules: Rules, now: datetime, *, first: bool) -> Iterator[list[tuple[int, str]]]:
        opens: dict[str, bool] = {}
        for (canary, tz, parts), line in self._lines.items():
            if canary is not first:
                continue
            if tz not in opens:
                opens[tz] = is_open(rules.window, tz, now)
            if opens[tz] and (canary or all(self._proven(part, rules, now) for part in parts)):
                yield line

    def _proven(self, part: str, rules: Rules, now: datetime) -> bool:
        """Whether no canary has yet to take a part, and those that took it have been ready long enough."""
        if self._lacked[part]:
            return False
        soak = self._soaks.get(part)
        return soak is None or all(since is not None and since + rules.soak <= now for since in soak.since.values())

    def _soaked(self, part: str, rules: Rules) -> datetime | None:
        soak = self._soaks.get(part)
        times = [since for since in soak.since.values() if since is not None] if soak else []
        return max(times) + rules.soak if times else None

    def _again(self, rules: Rules, now: datetime) -> datetime | None:
        zones = {tz for _, tz, _ in self._lines}
        opens = [next_open(rules.window, tz, now) for tz in zones]
        parts = {part for canary, _, parts in self._lines if not canary for part in parts}
        ends = [end for part in parts if (end := self._soaked(part, rules)) is not None]
        return min((moment for moment in (*opens, *ends) if moment > now), default=None)

    def _phase(self, rules: Rules, now: datetime, *, halted: bool) -> Phase:
        pending = bool(self._lines or self._in_flight or self._hindered)
        if not pending and not halted:
            return "Scheduled" if any(comes <= now + TOLD_AHEAD for _, _, comes in self._coming) else "Current"
        if rules.paused:
            return "Paused"
        if halted:
            return "Halted"
        if self._canary_time(rules, now):
            return "Canary"
        zones = {tz for _, tz, _ in self._lines}
        if self._in_flight or not zones or any(is_open(rules.window, tz, now) for tz in zones):
            return "Progressing"
        return "Scheduled"

    def _canary_time(self, rules: Rules, now: datetime) -> bool:
        """Whether canaries go over, or soak while others wait."""
        if any(self._members[key].canary for key in self._in_flight):
            return True
        if any(canary and is_open(rules.window, tz, now) for canary, tz, _ in self._lines):
            return True
        waiting = {part for canary, _, parts in self._lines if not canary for part in parts}
        return not self._in_flight and any(
            part in self._soaks and not self._proven(part, rules, now) for part in waiting
        )

    def _bring_in(self, member: WaveMember) -> None:
        if member.waits:
            line = self._lines.setdefault((member.canary, member.tz, member.parts), [])
            insort(line, (self._orders[member.key], member.key))
        if member.in_flight and not member.broken:
            self._in_flight[member.key] = None
        if member.failed is not None:
            self._failed.setdefault(member.failed, {})[member.key] = None
        if member.comes is not None and not member.broken and not member.waits and not member.in_flight:
            self._coming[member.canary, member.tz, member.comes] += 1
        self._updated += member.updated
        self._hindered += member.hindered and not member.broken
        if member.owes is not None:
            self._owed[member.owes] += 1
        if member.canary and not member.broken:
            self._lacked.update(_ahead(member))
            for part in member.took:
                self._soaks.setdefault(part, _Soak()).since[member.key] = member.ready_since

    def _take_out(self, member: WaveMember) -> None:
        if member.waits:
            name = (member.canary, member.tz, member.parts)
            line = self._lines[name]
            del line[bisect_left(line, (self._orders[member.key], member.key))]
            if not line:
                del self._lines[name]
        self._in_flight.pop(member.key, None)
        if member.failed is not None:
            del self._failed[member.failed][member.key]
            if not self._failed[member.failed]:
                del self._failed[member.failed]
        if member.comes is not None and not member.broken and not member.waits and not member.in_flight:
            self._coming[member.canary, member.tz, member.comes] -= 1
            if not self._coming[member.canary, member.tz, member.comes]:
                del self._coming[member.canary, member.tz, member.comes]
        self._updated -= member.updated
        self._hindered -= member.hindered and not member.broken
        if member.owes is not None:
            self._owed[member.owes] -= 1
            if not self._owed[member.owes]:
                del self._owed[member.owes]
        if member.canary and not member.broken:
            for part in _ahead(member):
                self._lacked[part] -= 1
                if not self._lacked[part]:
                    del self._lacked[part]
            for part in member.took:
                del self._soaks[part].since[member.key]
                if not self._soaks[part].since:
                    del self._soaks[part]


def _ahead(member: WaveMember) -> set[str]:
    """The parts that a canary has yet to take, those of its roll in flight among them."""
    return {*member.lacks, *member.parts}
