"""How far the rollover of a channel is, from the channel and the bases that follow it: pure, no cluster, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pronote_operator.api.constants import READY, STALLED, UP_TO_DATE
from pronote_operator.api.fields import share_of
from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.roll import Roll, roll_of

_TURN = "RollPending"
_ROLLING = ("Rolling", "RollingBack")
_FAILED = "RolledBack"

_WHY = {
    "AheadOfChannel": "a release that the channel lists for later: kept",
    "ReleaseNotListed": "a release that the channel does not list: kept until a newer one comes",
    "PinnedYearMissing": "pinned to a year that its volume does not hold",
    "PinnedYearTooFar": "pinned to a year that is too far away",
}
_NOT_TOLD = "nobody told yet what is due"
_ITS_TURN = "its turn"


@dataclass(frozen=True, slots=True)
class Following:
    """A base that follows the channel.

    Args:
        key: `namespace/name`.
        zone: its time zone.
        reason, message: of its condition UpToDate; empty where it has none.
        current: whether it runs what is due for it.
        in_service, suspended: by its spec.
        ready: whether its server is.
        stalled: what a person must mend; None for nothing.
        roll: the one in flight, or the last.
    """

    key: str
    zone: str
    reason: str = ""
    message: str = ""
    current: bool = False
    in_service: bool = True
    suspended: bool = False
    ready: bool = True
    stalled: str | None = None
    roll: Roll | None = None

    @property
    def in_flight(self) -> bool:
        """Whether it goes over now, or back."""
        return self.reason in _ROLLING or (self.roll is not None and self.roll.in_flight)

    @property
    def owes(self) -> bool:
        """Whether it goes over, or has yet to take what is due and could: the rollover is not over before it did.

        What is suspended, stopped or stalled does not count, just as in the phase; nor does what keeps its release or
        its year, or was tried and taken back.
        """
        broken = self.suspended or not self.in_service or self.stalled is not None
        return not broken and (self.in_flight or self.reason == _TURN)


@dataclass(frozen=True, slots=True)
class Flying:
    """A base that goes over now; no more than its name is known where its roll is not."""

    key: str
    roll: Roll | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A base that could not go over, and why; no roll where it is not known."""

    key: str
    why: str
    roll: Roll | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Bases that wait for the same reason.

    Args:
        reason: of UpToDate.
        why: what is waited for, or in the way, in words.
        keys: in their order.
    """

    reason: str
    why: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rollover:
    """A channel and its bases, as they were read.

    Args:
        channel: as it was read.
        fleet: the bases that follow it, by name; None where they may not be listed.
    """

    channel: VersionChannel
    fleet: tuple[Following, ...] | None

    @property
    def told(self) -> bool:
        """Whether the status is of this spec."""
        return self.channel.status.observed_generation == self.channel.metadata.generation

    @property
    def total(self) -> int:
        """How many bases follow the channel."""
        return len(self.fleet or ()) if self._untold_figures else self.channel.status.total

    @property
    def updated(self) -> int:
        """How many of them run what is due for them."""
        if self._untold_figures:
            return sum(base.current for base in self.fleet or ())
        return self.channel.status.updated

    @property
    def at_once(self) -> int:
        """How many go over at once."""
        return max(1, share_of(self.channel.spec.rollout.max_concurrent, self.total))

    @property
    def may_fail(self) -> int:
        """How many may fail before it halts."""
        return share_of(self.channel.spec.rollout.max_failures, self.total)

    @property
    def in_flight(self) -> tuple[Flying, ...]:
        """The bases that go over now, by name; the channel tells the first 100."""
        known = {base.key: base for base in self.fleet or ()}
        told = self.channel.status.updating
        keys = told if told or self.fleet is None else tuple(key for key, base in known.items() if base.in_flight)
        return tuple(Flying(key, _flying_roll(known.get(key))) for key in sorted(keys))

    @property
    def failed(self) -> tuple[Failed, ...]:
        """The bases whose roll failed, by name."""
        known = {base.key: base for base in self.fleet or ()}
        keys = {*self.channel.status.failed, *(key for key, base in known.items() if base.reason == _FAILED)}
        return tuple(_failure(key, known.get(key)) for key in sorted(keys))

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Who waits and why, the most numerous first."""
        gone = {each.key for each in self.failed} | {each.key for each in self.in_flight}
        groups: dict[tuple[str, str], list[str]] = {}
        for base in self.fleet or ():
            if not base.current and not base.in_flight and base.key not in gone:
                groups.setdefault(_why_waits(base), []).append(base.key)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return tuple(Waiting(reason, why, tuple(keys)) for (reason, why), keys in ordered)

    @property
    def going_on(self) -> bool:
        """Whether bases go over now, or the others wait for the canaries."""
        return self.channel.status.phase in ("Canary", "Progressing") or bool(self.channel.status.updating)

    @property
    def nobody_owes(self) -> bool:
        """Whether nobody goes over or waits to.

        Where the bases may not be listed the figures tell, but only when all run what is due.
        """
        if self.channel.status.updating:
            return False
        if self.fleet is None:
            return self.updated >= self.total
        return not any(base.owes for base in self.fleet)

    @property
    def planned(self) -> int:
        """How many bases the waves have that the channel tells."""
        return sum(wave.bases for wave in self.channel.status.plan)

    @property
    def halted(self) -> str:
        """Why the rollout has halted; empty while it has not."""
        condition = self.channel.status.condition(STALLED)
        if condition is not None and condition.reason == "RolloutHalted":
            return condition.message or "too many bases failed"
        return "too many bases failed" if self.channel.status.phase == "Halted" else ""

    @property
    def zone(self) -> str | None:
        """The time zone of most bases; None where none is known."""
        zones = Counter(base.zone for base in self.fleet or ())
        return max(zones, key=lambda zone: (zones[zone], zone), default=None)

    @property
    def soak(self) -> timedelta:
        """How long canaries must have been ready."""
        canary = self.channel.spec.rollout.canary
        return timedelta(minutes=canary.soak_minutes if canary else 0)

    @property
    def _untold_figures(self) -> bool:
        # An operator that serves some namespaces only tells no figures of the channel.
        return self.channel.status.phase is None and self.fleet is not None


def following(base: Mapping[str, Any], channel: str) -> Following | None:
    """What a base's manifest tells of its rollover; None when it follows another channel.

    What a newer or an older operator writes differently, or not at all, is left out and is no error.
    """
    if _channel_of(base) != channel:
        return None
    metadata, spec, status = base["metadata"], base.get("spec") or {}, base.get("status") or {}
    conditions = {one.get("type"): one for one in status.get("conditions") or ()}
    up_to_date, ready, stalled = (conditions.get(kind) or {} for kind in (UP_TO_DATE, READY, STALLED))
    return Following(
        key=f"{metadata.get('namespace', '')}/{metadata['name']}",
        zone=str(spec.get("timeZone") or "UTC"),
        reason=str(up_to_date.get("reason") or ""),
        message=str(up_to_date.get("message") or ""),
        current=up_to_date.get("status") == "True",
        in_service=spec.get("inService") is not False,
        suspended=spec.get("suspend") is True,
        ready=ready.get("status") == "True",
        stalled=str(stalled.get("message") or stalled.get("reason")) if stalled.get("status") == "True" else None,
        roll=roll_of(status.get("roll")),
    )


def _channel_of(base: Mapping[str, Any]) -> str | None:
    """The channel that a base follows: as it was resolved, or else as it is asked for."""
    effective = (base.get("status") or {}).get("effective") or {}
    return effective.get("versionChannel") or (base.get("spec") or {}).get("versionChannel")


def _flying_roll(base: Following | None) -> Roll | None:
    return base.roll if base is not None and base.roll is not None and base.roll.in_flight else None


def _failure(key: str, base: Following | None) -> Failed:
    if base is None:
        return Failed(key, "", None)
    roll = base.roll if base.roll is not None and (base.roll.failed or base.roll.in_flight) else None
    told = [
        roll.message if roll is not None else "",
        base.stalled or "",
        base.message if base.reason == _FAILED else "",
    ]
    return Failed(key, next((text for text in told if text), ""), roll)


def _why_waits(base: Following) -> tuple[str, str]:
    if not base.reason:
        return "Unknown", _NOT_TOLD
    if base.reason != _TURN:
        return base.reason, _WHY.get(base.reason) or base.message or base.reason
    return _TURN, _what_is_in_the_way(base) or _ITS_TURN


def _what_is_in_the_way(base: Following) -> str:
    if base.suspended:
        return "suspended (spec.suspend)"
    if not base.in_service:
        return "out of service: taken when put in service"
    if base.stalled is not None:
        return "stalled: to be mended by a person first"
    return "" if base.ready else "its server is not ready"


def waits_for_turn(groups: Sequence[Waiting]) -> int:
    """How many bases wait for nothing but their turn."""
    return sum(len(group.keys) for group in groups if (group.reason, group.why) == (_TURN, _ITS_TURN))
