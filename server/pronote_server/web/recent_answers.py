"""The last answer of each session, for a client or proxy that sends a message again because the answer was lost.

Order numbers alone would turn a lost answer into a lost session: the number was used. The same number with the same
body, soon after, is therefore given the same answer again, and nothing is done twice.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

KEEP_SECONDS: Final = 60.0
"""How long after an answer it can be had again: longer than a client or proxy waits before it tries again."""

MAX_BYTES: Final = 8 * 1024 * 1024
"""All answers together; the oldest give way."""

MAX_ANSWER_BYTES: Final = 256 * 1024
"""A longer answer is not kept."""


@dataclass(frozen=True)
class _Kept:
    order: str
    digest: bytes
    body: bytes = field(repr=False)
    time: float


class RecentAnswers:
    """The last answers. Only the event loop touches them; times are of the monotonic clock, seconds."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._bytes = 0
        self._max = max_bytes

    def find(self, session: int, order: str, body: bytes, monotonic: float) -> bytes | None:
        """Return the answer that this very message has been given already, or None."""
        kept = self._kept.get(session)
        if kept is None or kept.order != order or monotonic - kept.time >= KEEP_SECONDS:
            return None
        return kept.body if kept.digest == _digest(body) else None

    def keep(self, session: int, order: str, body: bytes, answer: bytes, monotonic: float) -> None:
        """Keep an answer in the place of the session's earlier one."""
        self.forget(session)
        if len(answer) > MAX_ANSWER_BYTES:
            return
        self._kept[session] = _Kept(order, _digest(body), answer, monotonic)
        self._bytes += len(answer)
        while self._bytes > self._max:
            self.forget(next(iter(self._kept)))

    def forget(self, session: int) -> None:
        """Forget a session's answer."""
        kept = self._kept.pop(session, None)
        if kept is not None:
            self._bytes -= len(kept.body)

    def expire(self, monotonic: float) -> None:
        """Forget answers that cannot be had any more. Looks only at those that it forgets."""
        while self._kept:
            session, oldest = next(iter(self._kept.items()))
            if monotonic - oldest.time < KEEP_SECONDS:
                break
            self.forget(session)

    def __len__(self) -> int:
        return len(self._kept)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
