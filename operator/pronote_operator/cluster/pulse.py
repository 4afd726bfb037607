"""Proof that watch streams still speak.

A watch can go silent without an error (a middlebox drops the connection's state). The API server sends a bookmark
about once a minute on every watch that asks for them, so a stream without a single byte for well over a minute is deaf.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Pulse:
    """When each stream last brought something.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, float] = {}
        self.restarts: dict[str, int] = {}

    def opened(self, stream: str) -> bool:
        """A stream is being opened; True when it was open before. Only bytes count as a beat: a deaf path may well
        answer headers."""
        again = stream in self._beats
        self._beats.setdefault(stream, self._clock())
        self.restarts[stream] = self.restarts.get(stream, -1) + 1
        return again

    def beat(self, stream: str) -> None:
        """Bytes arrived on a stream."""
        self._beats[stream] = self._clock()

    def closed(self, stream: str) -> None:
        """The stream is no longer wanted."""
        self._beats.pop(stream, None)

    def deaf(self, after_seconds: float) -> dict[str, float]:
        """Streams that brought nothing for longer than `after_seconds`, with their silence in seconds."""
        now = self._clock()
        return {stream: now - last for stream, last in self._beats.items() if now - last > after_seconds}

    def __len__(self) -> int:
        return len(self._beats)
