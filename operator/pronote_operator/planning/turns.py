"""Who may take the release that is due: one base at a time in each channel.

A roll costs a school a restart, and a release can be bad: the next base waits until the one before serves again. The
choice is made anew from what is seen at each pass, so a restart of the operator neither skips nor doubles a turn. The
order is that of a hash of the UID: stable, and unrelated to names, so that no school is always the first to try.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """One base of a channel, as the choice sees it."""

    key: str
    """What the caller knows the base by, `namespace/name`."""
    uid: str
    desired: str | None
    """The release it was last given (`status.version.desired`); None before the first. Any text that names a release:
    the version, or version and image, where a changed image of one version is to be rolled too."""
    current: str | None
    """The release that its pod runs (`status.version.current`); None while there was no pod yet."""
    due: str | None
    """The release that its channel has due in its time zone; None when none is."""
    settled: bool = True
    """Whether it was Ready at least once since its latest roll. A base that breaks later is not in flight again: a
    broken base never delays another."""
    stopped: bool = False
    """Whether it has no pod: out of service."""
    suspended: bool = False
    stalled: bool = False

    @property
    def in_flight(self) -> bool:
        """Whether it is being rolled: told another release than its pod runs, or not Ready since."""
        if self.stopped or self.desired is None or self.current is None:
            return False
        return self.desired != self.current or not self.settled

    @property
    def waits(self) -> bool:
        """Whether it needs a turn and can use one: a suspended or stalled base could not, and would hold up others."""
        if self.stopped or self.suspended or self.stalled or self.desired is None or self.due is None:
            return False
        return self.due != self.desired


def next_to_roll(candidates: Iterable[Candidate]) -> str | None:
    """The key of the only base of a channel that may be rolled now; None when nobody needs a turn.

    A base in flight is the only one, even when it is stalled or suspended: then the release must be looked at first.
    The answer does not depend on the order of `candidates`.
    """
    known = list(candidates)
    chosen = [base for base in known if base.in_flight] or [base for base in known if base.waits]
    return min(chosen, key=_order).key if chosen else None


def may_take_due_release(candidate: Candidate, turn: str | None) -> bool:
    """Whether `candidate` may be given the release that is due now.

    A new base and a stopped one take no turn: nobody is disturbed. `turn` is the answer of `next_to_roll`.
    """
    if candidate.suspended or candidate.due is None:
        return False
    return candidate.desired is None or candidate.stopped or candidate.key == turn


def _order(candidate: Candidate) -> tuple[bytes, str]:
    return hashlib.blake2b(candidate.uid.encode(), digest_size=8).digest(), candidate.key
