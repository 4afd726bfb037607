"""All bases at a glance: what the status of channels and policies and the metrics are computed from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from pronote_operator.handlers.keys import Key
from pronote_operator.planning.policy_status import CoveredBase


@dataclass(frozen=True, slots=True)
class Member:
    """One base as its last pass left it."""

    channel: str | None
    ready: bool
    in_service: bool
    stalled: bool
    policy: str | None = None
    covered: CoveredBase | None = None
    """How it stands with its backups; None without a policy."""
    restoring: dt.datetime | None = None
    """Since when a restore is carried out; None when none is."""


class Fleet:
    """Members by key.

    Args:
        on_change: called with the channel's name when it has a member more, or fewer.
        on_covered: called with a policy's name when how one of its bases stands changed.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[str], None],
        on_covered: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._members: dict[Key, Member] = {}
        self._on_change = on_change
        self._on_covered = on_covered
        self.complete = False
        """Whether every base had its first pass."""

    def put(self, key: Key, member: Member) -> None:
        """Note what a pass over a base came to."""
        before = self._members.get(key)
        if before == member:
            return
        self._members[key] = member
        self._tell_policies(before, member)
        was = before.channel if before is not None else None
        for channel in {was, member.channel} - {None} if was != member.channel else ():
            assert channel is not None
            self._on_change(channel)

    def remove(self, key: Key) -> None:
        """A base is gone."""
        member = self._members.pop(key, None)
        if member is None:
            return
        self._tell_policies(member, None)
        if member.channel is not None:
            self._on_change(member.channel)

    def of_channel(self, channel: str) -> int:
        """How many bases follow a channel."""
        return sum(1 for member in self._members.values() if member.channel == channel)

    def of_policy(self, policy: str) -> list[CoveredBase]:
        """How the bases of a policy stand."""
        return [m.covered for m in self._members.values() if m.policy == policy and m.covered is not None]

    def restores(self, since: dt.datetime, *, but: Key) -> int:
        """How many bases, but one, began a restore since then that has not ended.

        One that takes longer is counted no more: a broken base never delays another.
        """
        started = (m.restoring for key, m in self._members.items() if key != but)
        return sum(1 for moment in started if moment is not None and moment >= since)

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
