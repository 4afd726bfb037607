"""Writes logins into the audit, those of one moment together.

A login is answered once its line is on disk, and a disk takes some milliseconds for that, however many lines there are.
So what comes while one write is under way waits for its end and is then written at once, in one transaction: a burst of
logins waits for two writes each and not for all those before it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pronote_server.storage import audit

if TYPE_CHECKING:
    from pronote_server.storage.audit import Login
    from pronote_server.storage.database import Database


class LoginAudit:
    """The audit of a running server. Only the event loop touches it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Login, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, base: Database, login: Login) -> None:
        """Write a login; when this returns it is on disk.

        Raises:
            sqlite3.Error: The volume fails.
        """
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((login, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(base))
        await written

    async def _write(self, base: Database) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                failure: Exception | None = None
                try:
                    await base.write(audit.record_logins, [login for login, _ in group])
                except Exception as error:  # noqa: BLE001 - raised where each of them is waited for
                    failure = error
                for _, written in group:
                    # Who was waiting may be gone.
                    if written.done():
                        continue
                    if failure is None:
                        written.set_result(None)
                    else:
                        written.set_exception(failure)
        finally:
            self._writing = None
