"""Checkpoints for snapshots: asked of the server, and removed whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pronote_operator.agent.allowlist import ANSWER_SECONDS, CHECKPOINT_SECONDS
from pronote_operator.agent.server import Server, ServerError
from pronote_operator.agent.work import WorkFailedError
from pronote_operator.snapshots.model import moment

logger = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""Without a dot: while a checkpoint is being written its name has one (instance contract)."""


@dataclass(frozen=True)
class Checkpoint:
    """A consistent copy of the base."""

    name: str
    folder: Path
    school_year: int
    version: str
    taken: dt.datetime


class Checkpoints:
    """Asks one server for checkpoints.

    Args:
        server: the one in the pod.
        folder: where it writes them.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._since = time.time()
        self._unanswered = 0.0

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[Checkpoint]:
        """A checkpoint; it is removed at the end, also after a failure or when the work is cancelled.

        Raises:
            WorkFailedError: ``ServerNotReady`` or ``Busy`` when nothing was tried, else ``CheckpointFailed``.
        """
        health = await self._server.health("/readyz")
        if not health.good:
            raise WorkFailedError("ServerNotReady", f"the server is not ready: {health.message or health.reason}")
        await self._sweep()
        checkpoint = await self._asked()
        try:
            yield checkpoint
        finally:
            # Shielded: the copy is as large as the base, and must not stay when the agent is told to end.
            await asyncio.shield(self._remove(checkpoint.name))

    async def _asked(self) -> Checkpoint:
        began = time.time()
        try:
            answer = await self._server.forward("POST", "/v1/checkpoint", seconds=CHECKPOINT_SECONDS)
        except ServerError as error:
            if error.reason == "ServerUnreachable" and "does not listen" in error.message:
                raise WorkFailedError("ServerNotReady", error.message) from error
            self._unanswered = began
            raise WorkFailedError("CheckpointFailed", error.message) from error
        try:
            said = json.loads(answer.body)
            if answer.status == 200:
                name = str(said["name"])
                if not _NAME.fullmatch(name):
                    raise ValueError(name)
                return Checkpoint(
                    name,
                    self._folder / name,
                    int(said["schoolYear"]),
                    str(said["version"]),
                    moment(str(said["createdTime"])),
                )
            reason, message = str(said.get("reason", "")), str(said.get("message", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._unanswered = began
            raise WorkFailedError(
                "CheckpointFailed", f"the server's answer to a checkpoint ({answer.status}) cannot be read"
            ) from error
        message = f"the server made no checkpoint ({answer.status} {reason}): {message}"[:500]
        raise WorkFailedError({409: "Busy", 503: "ServerNotReady"}.get(answer.status, "CheckpointFailed"), message)

    async def _remove(self, name: str) -> None:
        try:
            answer = await self._server.forward("DELETE", f"/v1/checkpoint/{name}", seconds=ANSWER_SECONDS)
            if answer.status not in (204, 404):
                logger.error("A checkpoint stays: the server answered %d", answer.status)
        except ServerError as error:
            # A server that has ended leaves it to the next start: `prepare` removes it, or `_sweep` does.
            logger.error("A checkpoint stays for now", extra={"fields": {"error": error.message}})

    async def _sweep(self) -> None:
        """Remove the checkpoints of an agent that was killed, and one that came after we had stopped waiting for it."""
        try:
            found = [(entry.name, entry.stat().st_mtime) for entry in self._folder.iterdir() if entry.is_dir()]
        except OSError:
            return
        for name, changed in found:
            ours = changed < self._since or (self._unanswered and changed >= self._unanswered)
            if ours and _NAME.fullmatch(name):
                await self._remove(name)
        self._unanswered = 0.0
