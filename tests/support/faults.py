"""The faults that the proxy plays; changed and read on the proxy's own loop only, but for `WriteFault.fired`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.support.requestlog import Record

When = Literal["before", "after"]


@dataclass
class WriteFault:
    """Something that happens once, at one write.

    Args:
        write: its number, from 1 since the log was cleared; with `path`, among the writes to that path.
        when: ``before``: the API server never sees the write. ``after``: it committed the write, and the caller never
            learns.
        kill: called in a thread; the caller's connection is dropped when it has returned, and no other write is
            passed on in between.
    """

    write: int
    when: When
    kill: Callable[[], object]
    path: str = ""
    """Whose writes are counted; empty: all."""
    fired: threading.Event = field(default_factory=threading.Event)
    """Set when it has happened: a run with fewer writes never sets it."""


@dataclass
class Faults:
    """What the proxy does now."""

    at_writes: list[WriteFault] = field(default_factory=list)
    deaf: Callable[[str], bool] | None = None
    """Watches of these paths get nothing more."""
    black_hole: bool = False
    """Requests are read and never answered."""
    latency: float = 0.0
    """Seconds before a request that is no watch is passed on."""
    open_for_writes: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while a process is being killed."""
    healed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a black hole ends; a new one for each black hole."""

    def __post_init__(self) -> None:
        self.open_for_writes.set()

    def due(self, record: Record, when: When) -> WriteFault | None:
        """The fault to play at a write, taken off the list."""
        for fault in self.at_writes:
            number = record.write if not fault.path else record.nth if fault.path == record.path else None
            if fault.write == number and fault.when == when:
                self.at_writes.remove(fault)
                return fault
        return None
