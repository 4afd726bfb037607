"""All bases at a glance: what the turns, the channels' status and the metrics are computed from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

from pronote_operator.handlers.keys import Key, base_key
from pronote_operator.planning.policy_status import CoveredBase
from pronote_operator.planning.turns import Candidate, next_to_roll


@dataclass(frozen=True, slots=True)
class Member:
    """One base as its last pass left it."""

    channel: str | None
    candidate: Candidate
    version: str | None
    target: str | None
    ready: bool
    in_service: bool
    stalled: bool
    policy: str | None = None
    covered: CoveredBase | None = None
    """How it stands with its backups; None without a policy."""
    restoring: dt.datetime | None = None
    """Since when a restore is carried out; None when none is."""


class Fleet:
    """Members by key, and whose turn it is in each channel.

    Args:
        on_change: called with the channel's name when one of its members changed.
        on_turn: called with the key of the base that got the turn.
        on_covered: called with a policy's name when how one of its bases stands changed.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[str], None],
        on_turn: Callable[[Key], None],
        on_covered: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._members: dict[Key, Member] = {}
        self._turns: dict[str, str | None] = {}
        self._on_change = on_change
        self._on_turn = on_turn
        self._on_covered = on_covered
        self.complete = False
        """Whether every base had its first pass: only then is it known who is in flight."""

    def put(self, key: Key, member: Member) -> None:
        """Note what a pass over a base came to."""
        before = self._members.get(key)
        if before == member:
            return
        self._members[key] = member
        self._tell_policies(before, member)
        same = {"policy": member.policy, "covered": member.covered, "restoring": member.restoring}
        if before is not None and replace(before, **same) == member:  # type: ignore[arg-type]
            return
        for channel in {before.channel if before else None, member.channel} - {None}:
            assert channel is not None
            if not self._keeps_turn(channel, key, member):
                self._turns.pop(channel, None)
            self._on_change(channel)
        if member.channel is not None and self.complete and self._waiting_or_in_flight(before, member):
            holder = self.turn(member.channel)
            if holder is not None and holder != key:
                self._on_turn(holder)

    def remove(self, key: Key) -> None:
        """A base is gone."""
        member = self._members.pop(key, None)
        if member is None:
            return
        self._tell_policies(member, None)
        if member.channel is not None:
            self._turns.pop(member.channel, None)
            self._on_change(member.channel)
            holder = self.turn(member.channel) if self.complete else None
            if holder is not None:
                self._on_turn(holder)

    def turn(self, channel: str) -> Key | None:
        """The only base of the channel that may be rolled now; None when nobody needs it, or not all is known yet."""
        if not self.complete:
            return None
        if channel not in self._turns:
            candidates = (member.candidate for member in self._members.values() if member.channel == channel)
            self._turns[channel] = next_to_roll(candidates)
        holder = self._turns[channel]
        return base_key(*holder.split("/")) if holder is not None else None

    def of_channel(self, channel: str) -> dict[Key, Member]:
        """Members that follow a channel."""
        return {key: member for key, member in self._members.items() if member.channel == channel}

    def of_policy(self, policy: str) -> list[CoveredBase]:
        """How the bases of a policy stand."""
        return [m.covered for m in self._members.values() if m.policy == policy and m.covered is not None]

    def restores(self, since: dt.datetime, *, but: Key) -> int:
        """How many bases, but one, began a restore since then that has not ended.

        One that takes longer is counted no more: a broken base never delays another.
        """
        started = (m.restoring for key, m in self._members.items() if key != but)
        return sum(1 for moment in started if moment is not None and moment >= since)

    def awaits_turn(self, key: Key) -> bool:
        """Whether a base waits for its turn."""
        member = self._members.get(key)
        return member is not None and member.candidate.waits

    def members(self) -> list[Member]:
        """All members."""
        return list(self._members.values())

    def __contains__(self, key: Key) -> bool:
        return key in self._members

    def __len__(self) -> int:
        return len(self._members)

    def _tell_policies(self, before: Member | None, after: Member | None) -> None:
        was = (before.policy, before.covered) if before is not None else (None, None)
        now = (after.policy, after.covered) if after is not None else (None, None)
        for policy in {was[0], now[0]} - {None} if was != now else ():
            assert policy is not None
            self._on_covered(policy)

    def _keeps_turn(self, channel: str, key: Key, member: Member) -> bool:
        # While someone holds the turn, news of others who are not in flight change nothing: without this, thousands of
        # bases that learn of a release at once would each make the choice anew.
        holder = self._turns.get(channel)
        return holder is not None and holder != member.candidate.key and not member.candidate.in_flight

    @staticmethod
    def _waiting_or_in_flight(before: Member | None, member: Member) -> bool:
        candidates = [member.candidate, *([before.candidate] if before else [])]
        return any(candidate.waits or candidate.in_flight for candidate in candidates)
