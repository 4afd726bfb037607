"""What the agent does with snapshots: takes, lists, verifies and deletes them, and counts what came of it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from pronote_operator.agent.checkpoints import Checkpoints
from pronote_operator.agent.server import Server
from pronote_operator.agent.snapshot_memory import Memory
from pronote_operator.agent.snapshot_metrics import SnapshotMetrics
from pronote_operator.agent.work import Progress, WorkFailedError
from pronote_operator.api.snapshots import SnapshotKind, parsed_name
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.report import read_preparation
from pronote_operator.snapshots import Reason, Repository, SnapshotError
from pronote_operator.snapshots.model import rfc3339

logger = logging.getLogger(__name__)

NOTHING_TRIED: Final = frozenset({"ServerNotReady", "Busy"})
"""Reasons that are no failure of a snapshot: it was not begun."""

Result = TypeVar("Result")


class Snapshots:
    """The snapshots of the base in this pod.

    Args:
        server: takes the checkpoints.
        volume: the data volume. Snapshots are extracted there when they are verified: bases lie there readable anyway,
            while whoever gets a copy of the snapshots volume must find nothing that he can read without the key.
        folder: the snapshots volume.
        key_file: of the repository.
        uai: of the base.
        metrics: kept right here.
    """

    def __init__(
        self, server: Server, volume: Path, folder: Path, key_file: Path, uai: str, metrics: SnapshotMetrics
    ) -> None:
        self._checkpoints = Checkpoints(server, volume / "checkpoints")
        self._volume = volume
        self._scratch = volume / ".agent" / "verification"
        self._uai = uai
        self._metrics = metrics
        self._memory = Memory.read(folder / "agent.json")
        self._cancelled = threading.Event()
        self._repository = Repository(folder / "repository", key_file, cancelled=self._cancelled, background=True)
        self._one = asyncio.Lock()
        """One thread works with the repository; listing meanwhile tells what is remembered."""

    async def start(self) -> None:
        """Remove what a killed verification left, and show what is known without running borg."""
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)
        self._metrics.policy(self._memory.intervals, self._memory.deadline)
        for kind, when in self._memory.attempts.items():
            self._metrics.attempted(kind, when)
        try:
            self._metrics.restores(await asyncio.to_thread(read_preparation, str(self._volume)))
        except (RefusedError, OSError) as error:
            logger.error("The journal of the data volume cannot be read", extra={"fields": {"error": str(error)}})
        await self._show()

    def cancel(self) -> None:
        """End what is under way; nothing further begins."""
        self._cancelled.set()

    async def listing(self) -> dict[str, Any]:
        """The body of ``GET /v1/snapshots``.

        Raises:
            SnapshotError: the repository cannot be read.
        """
        if self._one.locked():
            return await asyncio.to_thread(self._listing, self._repository.remembered)
        return await self._alone(lambda: self._listing(self._repository.snapshots))

    def told(self, kind: SnapshotKind, interval_seconds: float | None, deadline_seconds: float | None) -> None:
        """Remember what the operator says of the policy."""
        known = self._memory.intervals.get(kind), self._memory.deadline
        if interval_seconds is not None:
            self._memory.intervals[kind] = interval_seconds
        if deadline_seconds is not None:
            self._memory.deadline = deadline_seconds
        if known != (self._memory.intervals.get(kind), self._memory.deadline):
            self._metrics.policy(self._memory.intervals, self._memory.deadline)
            self._memory.write()

    async def take(self, name: str, progress: Progress) -> dict[str, Any]:
        """Take a snapshot, unless it is there.

        Raises:
            SnapshotError, WorkFailedError: why not.
        """
        kind, _ = parsed_name(name)
        began = time.time()
        try:
            return await self._taken(name, kind, progress)
        except (SnapshotError, WorkFailedError) as error:
            if error.reason not in NOTHING_TRIED and error.reason != Reason.CANCELLED:
                self._attempted(kind, began)
                self._metrics.failed(kind, str(error.reason))
            raise
        finally:
            await self._show()

    async def verify(self, name: str, progress: Progress) -> dict[str, Any]:
        """Verify a snapshot.

        Raises:
            SnapshotError: why not, or what is wrong with it.
        """
        result = "failed"
        try:
            found = await self._alone(lambda: self._repository.verify(name, self._scratch))
            result = "good"
        except SnapshotError as error:
            if error.reason in (Reason.SNAPSHOT_DAMAGED, Reason.REPOSITORY_DAMAGED):
                result = "damaged"
            raise
        finally:
            self._metrics.verification(result)
            await self._show()
        progress.done_bytes = progress.total_bytes = found.size_bytes
        return {
            "name": name,
            "verifiedTime": rfc3339(found.verified),
            "pupils": found.pupils,
            "sizeBytes": found.size_bytes,
        }

    async def delete(self, names: tuple[str, ...], progress: Progress) -> dict[str, Any]:
        """Delete snapshots and give their room back.

        Raises:
            SnapshotError: why not; some may be deleted already.
        """

        def work() -> dict[str, Any]:
            self._repository.delete(names)
            progress.phase = "Compact"
            self._repository.compact()
            return {"deleted": list(names), **self._listing(self._repository.snapshots)}

        try:
            return await self._alone(work)
        finally:
            await self._show()

    async def _taken(self, name: str, kind: SnapshotKind, progress: Progress) -> dict[str, Any]:
        def known() -> dict[str, Any] | None:
            try:
                found = self._repository.snapshots()
            except SnapshotError as error:
                # Damage is no reason not to begin: `take` mends it.
                if error.reason is not Reason.REPOSITORY_DAMAGED:
                    raise
                return None
            return next((snapshot.as_json() for snapshot in found if snapshot.name == name), None)

        there = await self._alone(known)
        if there is not None:
            return there
        began = time.time()
        async with self._checkpoints.taken() as checkpoint:
            self._attempted(kind, began)
            progress.phase = "Store"

            def on_progress(done: int, total: int) -> None:
                progress.done_bytes, progress.total_bytes = done, total

            annexes = self._volume / "years" / str(checkpoint.school_year) / "annexes"
            stored = await self._alone(
                lambda: self._repository.take(
                    name,
                    base=checkpoint.folder,
                    annexes=annexes if kind.with_annexes else None,
                    uai=self._uai,
                    school_year=checkpoint.school_year,
                    version=checkpoint.version,
                    taken=checkpoint.taken,
                    progress=on_progress,
                )
            )
        return stored.as_json()

    def _attempted(self, kind: SnapshotKind, when: float) -> None:
        self._metrics.attempted(kind, when)
        self._memory.attempts[kind] = when
        self._memory.write()

    async def _alone(self, work: Callable[[], Result]) -> Result:
        """Run something that blocks on a thread, and wait for its end even when the caller is cancelled."""
        async with self._one:
            task = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                self._cancelled.set()
                await asyncio.wait({task})
                raise

    async def _show(self) -> None:
        found, stored = await asyncio.to_thread(
            lambda: (self._repository.remembered(), self._repository.repository_bytes)
        )
        self._metrics.repository(found, stored)

    def _listing(self, snapshots: Callable[[], Any]) -> dict[str, Any]:
        return {
            "snapshots": [snapshot.as_json() for snapshot in snapshots()],
            "repositoryBytes": self._repository.repository_bytes,
            "volumeFreeBytes": self._repository.volume_free_bytes,
        }
