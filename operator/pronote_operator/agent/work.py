"""One piece of long work at a time, which callers join by asking again.

A caller waits `JOIN_SECONDS` and, if the work is not over, is told how far it is and asks again. So no connection has
to last as long as the work, and an operator that was restarted joins what its predecessor began. What came of the work
is told to all who wait for it; if nobody does, to the next who asks for it within `TOLD_SECONDS`. After that, the same
request begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pronote_operator.snapshots import Reason, SnapshotError

logger = logging.getLogger(__name__)

JOIN_SECONDS: Final = 20.0
TOLD_SECONDS: Final = 600.0

Key = tuple[str, ...]
"""What the work is: a verb and what it is done to."""


@dataclass
class Progress:
    """How far a piece of work is. Written by the work, on whatever thread."""

    phase: str
    done_bytes: int = 0
    total_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """The body of a 202."""
        return {"phase": self.phase, "doneBytes": self.done_bytes, "totalBytes": self.total_bytes}


@dataclass(frozen=True)
class Outcome:
    """What came of a piece of work: an answer, or a failure."""

    answer: dict[str, Any] | None
    reason: str = ""
    message: str = ""


class WorkFailedError(Exception):
    """A failure with a reason that is none of `snapshots.Reason`.

    Args:
        reason: CamelCase.
        message: one sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


Work = Callable[[Progress], Awaitable[dict[str, Any]]]


@dataclass
class _Job:
    key: Key
    progress: Progress
    task: asyncio.Task[Outcome]
    waiting: int = 0
    ended: float = 0.0


class Desk:
    """Where work is asked for.

    Args:
        join_seconds: how long a caller waits.
    """

    def __init__(self, join_seconds: float = JOIN_SECONDS) -> None:
        self._join_seconds = join_seconds
        self._current: _Job | None = None
        self._untold: dict[Key, _Job] = {}

    @property
    def running(self) -> str | None:
        """What is under way, in words."""
        return " ".join(self._current.key)[:200] if self._current else None

    async def ask(self, key: Key, phase: str, work: Work) -> Outcome | Progress:
        """Begin a piece of work, or join it.

        Args:
            key: the same for the same work.
            phase: that it begins with.
            work: is started when nothing is under way and no outcome of it waits to be told.

        Returns:
            What came of it, or how far it is.

        Raises:
            SnapshotError: ``Busy``: other work is under way; the message says which.
        """
        job = self._current
        if job is None or job.key != key:
            untold = self._untold.pop(key, None)
            if untold is not None and time.monotonic() - untold.ended < TOLD_SECONDS:
                return untold.task.result()
            if job is not None:
                raise SnapshotError(Reason.BUSY, f"the agent is at work: {self.running}")
            job = self._begin(key, Progress(phase), work)
        job.waiting += 1
        try:
            await asyncio.wait({job.task}, timeout=self._join_seconds)
            if job.task.done():
                self._untold.pop(key, None)
                return job.task.result()
            return job.progress
        finally:
            job.waiting -= 1

    async def stop(self) -> None:
        """End what is under way, and wait until it has cleaned up after itself."""
        if self._current is not None:
            self._current.task.cancel()
            await asyncio.wait({self._current.task})

    def _begin(self, key: Key, progress: Progress, work: Work) -> _Job:
        job = _Job(key, progress, asyncio.create_task(_outcome(key, progress, work)))
        self._current = job
        job.task.add_done_callback(lambda _: self._over(job))
        return job

    def _over(self, job: _Job) -> None:
        self._current = None
        job.ended = time.monotonic()
        if not job.waiting:
            self._untold = {
                key: other for key, other in self._untold.items() if job.ended - other.ended < TOLD_SECONDS
            } | {job.key: job}


async def _outcome(key: Key, progress: Progress, work: Work) -> Outcome:
    try:
        return Outcome(await work(progress))
    except (SnapshotError, WorkFailedError) as error:
        logger.error("Failed: %s", " ".join(key), extra={"fields": {"reason": error.reason, "error": error.message}})
        return Outcome(None, str(error.reason), error.message)
    except asyncio.CancelledError:
        return Outcome(None, Reason.CANCELLED.value, "the agent is ending")
    except Exception as error:
        logger.exception("A fault of the agent at: %s", " ".join(key))
        return Outcome(None, "InternalError", f"a fault of the agent: {type(error).__name__}")
