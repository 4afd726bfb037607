"""Things that can be used once, for a while: one-time logins, tickets, links. Bounded; the oldest give way."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

T = TypeVar("T")

ONE_TIME_LOGIN_SECONDS: Final = 120.0
"""A one-time login must have been used by then."""

TICKET_SECONDS: Final = 600.0
"""How long a ticket is remembered: CAS servers themselves forget one within minutes."""

LINK_SECONDS: Final = 600.0
"""A person must have logged in by password by then, so that the ENT's account is tied to it."""

MAX_ENTRIES: Final = 20_000
"""Entries of one kind: as many as there can be sessions."""


class Once(Generic[T]):
    """What is kept under a key until it is taken or its time is over. Times are of the monotonic clock, seconds."""

    def __init__(self, seconds: float, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: OrderedDict[bytes, tuple[float, T]] = OrderedDict()
        self._seconds = seconds
        self._max = max_entries

    def put(self, key: bytes, value: T, monotonic: float) -> None:
        """Keep a value under a key that is not in use."""
        self.expire(monotonic)
        if len(self._entries) >= self._max:
            self._entries.popitem(last=False)
        self._entries[key] = (monotonic, value)

    def peek(self, key: bytes, monotonic: float) -> T | None:
        """Return the value without taking it."""
        self.expire(monotonic)
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def take(self, key: bytes, monotonic: float) -> T | None:
        """Return the value, once."""
        self.expire(monotonic)
        entry = self._entries.pop(key, None)
        return None if entry is None else entry[1]

    def expire(self, monotonic: float) -> None:
        """Forget what is too old. Looks only at what it forgets."""
        while self._entries:
            key, (time, _) = next(iter(self._entries.items()))
            if monotonic - time < self._seconds:
                break
            del self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)
