"""What the bases' own status tells while they roll: how many are in flight, and how often it is written."""

from __future__ import annotations

import time
from typing import Any

from bench.watching import Changes
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import BASES
from pronote_operator.planning.roll import RollPhase, roll_of


class RollWatch(Changes):
    """Follows all bases while it is entered.

    Args:
        version: that they go over to; rolls to others are not told.
    """

    def __init__(self, client: KubeClient, version: str) -> None:
        super().__init__(client, BASES)
        self._version = version
        self.most_in_flight = 0
        self.done: dict[tuple[str, str], float] = {}
        """Seconds from `startedTime` to `completedTime` of the status, by base."""
        self.failed: list[str] = []
        self.last_done = 0.0
        """Monotonic."""
        self._in_flight: set[tuple[str, str]] = set()

    @property
    def in_flight(self) -> int:
        """How many are under way now."""
        return len(self._in_flight)

    def changed(self, body: dict[str, Any]) -> None:
        """A base was seen changed."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        roll = roll_of(body["status"].get("roll"))
        if roll is None or roll.to.version != self._version:
            return
        (self._in_flight.add if roll.in_flight else self._in_flight.discard)(key)
        self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        if roll.phase is RollPhase.DONE and roll.completed is not None and key not in self.done:
            self.done[key] = (roll.completed - roll.started).total_seconds()
            self.last_done = time.monotonic()
        elif roll.failed:
            self.failed.append("/".join(key))
