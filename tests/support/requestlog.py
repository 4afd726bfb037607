"""What went through the fault proxy, and which of it counts as a write."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs

WRITE_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_LEASES: Final = re.compile(r"/apis/coordination\.k8s\.io/[^/]+/namespaces/[^/]+/leases(/|$)")
_EVENTS: Final = re.compile(r"(/api/v1|/apis/events\.k8s\.io/[^/]+)/(namespaces/[^/]+/)?events(/|$)")
_QUESTIONS: Final = re.compile(r"/apis/(authorization|authentication)\.k8s\.io/")
"""Reviews are posted, and store nothing."""


@dataclass(frozen=True)
class Record:
    """One request."""

    method: str
    path: str
    query: str
    user_agent: str
    time: float
    """When it came, seconds of the epoch."""
    write: int | None = None
    """Its number among the writes, from 1; None for what is no counted write."""
    nth: int | None = None
    """Its number among the writes to its path, from 1."""
    status: int | None = None
    """The API server's answer; None when it was not asked or did not answer (yet)."""
    seconds: float | None = None
    """Until the answer's end; None while it is under way."""
    fault: str | None = None
    """What the proxy did to it, in a word."""

    @property
    def watch(self) -> bool:
        """Whether it is a watch."""
        return is_watch(self.method, self.query)


def is_watch(method: str, query: str) -> bool:
    """Whether a request is a watch."""
    return method == "GET" and parse_qs(query).get("watch", [""])[-1] in ("1", "true", "True")


def since(query: str) -> int:
    """The resource version that a watch starts from; 0 when it names none."""
    return int(parse_qs(query).get("resourceVersion", ["0"])[-1] or 0)


@dataclass(frozen=True)
class Counting:
    """Which requests get a number.

    Never: renewals of Leases (they come by the clock), reviews and dry runs (they store nothing).

    Args:
        events: whether Events count.
    """

    events: bool = False

    def counts(self, method: str, path: str, query: str) -> bool:
        """Whether a request is a write that gets a number."""
        if method not in WRITE_METHODS or _LEASES.search(path) or _QUESTIONS.match(path):
            return False
        if "dryRun" in parse_qs(query):
            return False
        return self.events or not _EVENTS.match(path)


class Entry:
    """The place of one record in a log; the record is replaced as the request goes on."""

    def __init__(self, record: Record, changed: threading.Condition) -> None:
        self.record = record
        self._changed = changed

    def update(self, **changes: int | float | str | None) -> None:
        """Change members of the record."""
        with self._changed:
            self.record = replace(self.record, **changes)  # type: ignore[arg-type]
            self._changed.notify_all()


class RequestLog:
    """Records in the order in which the requests came. Safe to read from another thread."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._entries: list[Entry] = []
        self._writes = 0
        self._writes_to: dict[str, int] = {}
        self._changed = threading.Condition()

    def begin(self, method: str, path: str, query: str, user_agent: str, now: float) -> Entry:
        """Note a request."""
        with self._changed:
            number = nth = None
            if self._counting.counts(method, path, query):
                self._writes += 1
                number = self._writes
                nth = self._writes_to[path] = self._writes_to.get(path, 0) + 1
            entry = Entry(Record(method, path, query, user_agent, now, number, nth), self._changed)
            self._entries.append(entry)
            self._changed.notify_all()
            return entry

    def clear(self) -> None:
        """Forget everything and number the writes from 1 again."""
        with self._changed:
            self._entries = []
            self._writes = 0
            self._writes_to = {}

    @property
    def records(self) -> tuple[Record, ...]:
        """Every request so far."""
        with self._changed:
            return tuple(entry.record for entry in self._entries)

    def wait_for_writes(self, count: int, timeout: float) -> bool:
        """Wait until so many writes were answered.

        Returns:
            False after the time-out, in seconds.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._answered_writes() >= count, timeout)

    def _answered_writes(self) -> int:
        records = (entry.record for entry in self._entries)
        return sum(record.write is not None and record.status is not None for record in records)
