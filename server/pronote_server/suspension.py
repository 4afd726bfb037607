"""Suspension of addresses after wrong logins (suspension d'adresses IP).

| level  | wrong logins | within     | suspended for |
|--------|--------------|------------|---------------|
| Off    | any number   |            | never         |
| Low    | 20           | 10 minutes | 5 minutes     |
| Medium | 10           | 10 minutes | 1 hour        |
| High   | 5            | 30 minutes | 4 hours       |

The vendor documents the four levels and that a suspension is provisional ("some hours"), not the figures; these are
ours. A right login does not wipe out the wrong ones: whoever holds one account could otherwise try others for ever.
A whole school may sit behind one address: such an address belongs in the preferred ones, which are never checked.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from pronote_server.words import IpControl

MAX_ADDRESSES: Final = 10_000
"""Addresses remembered at the same time, so that an attack from everywhere takes a bounded memory."""


@dataclass(frozen=True)
class Threshold:
    """When an address is suspended.

    Attributes:
        failures: Wrong logins.
        window_seconds: Within which they count.
        suspension_seconds: How long the suspension lasts.
    """

    failures: int
    window_seconds: int
    suspension_seconds: int


THRESHOLDS: Final[dict[IpControl, Threshold]] = {
    IpControl.LOW: Threshold(20, 600, 300),
    IpControl.MEDIUM: Threshold(10, 600, 3600),
    IpControl.HIGH: Threshold(5, 1800, 14400),
}
"""The table above; Off has no entry."""


@dataclass
class _Record:
    failures: deque[float] = field(default_factory=deque)
    until: float = 0.0


class Suspensions:
    """Wrong logins and suspensions of this process, by address group. Callers give the time, seconds since 1970."""

    def __init__(self, max_addresses: int = MAX_ADDRESSES) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._max = max_addresses

    def until(self, group: str, now: float) -> float | None:
        """Return when the suspension of an address group ends, or None when it is not suspended."""
        record = self._records.get(group)
        return record.until if record is not None and record.until > now else None

    def record_failure(self, group: str, level: IpControl, now: float) -> float | None:
        """Count one wrong login; return when the suspension that it causes ends, or None."""
        threshold = THRESHOLDS.get(level)
        if threshold is None:
            return None
        record = self._records.setdefault(group, _Record())
        self._records.move_to_end(group)
        record.failures.append(now)
        while record.failures and record.failures[0] <= now - threshold.window_seconds:
            record.failures.popleft()
        if len(record.failures) >= threshold.failures:
            record.failures.clear()
            record.until = now + threshold.suspension_seconds
        self._forget(now)
        return self.until(group, now)

    def release(self, group: str) -> bool:
        """End a suspension and forget its wrong logins; return whether there was one to end."""
        return self._records.pop(group, None) is not None

    def clear(self) -> None:
        """Forget everything (the level was set to Off)."""
        self._records.clear()

    def suspended(self, now: float) -> list[tuple[str, float]]:
        """Return the suspended address groups and when each ends, the soonest first."""
        found = [(group, record.until) for group, record in self._records.items() if record.until > now]
        return sorted(found, key=lambda entry: (entry[1], entry[0]))

    def purge(self, now: float) -> None:
        """Forget addresses whose suspension has ended and whose wrong logins count no longer at any level."""
        oldest = now - max(threshold.window_seconds for threshold in THRESHOLDS.values())
        for group, record in list(self._records.items()):
            if record.until <= now and (not record.failures or record.failures[-1] <= oldest):
                del self._records[group]

    def __len__(self) -> int:
        return len(self._records)

    def _forget(self, now: float) -> None:
        if len(self._records) <= self._max:
            return
        # Rather one that is not suspended; among those, the one that was wrong longest ago.
        idle = next((group for group, record in self._records.items() if record.until <= now), None)
        if idle is not None:
            del self._records[idle]
        else:
            self._records.popitem(last=False)
