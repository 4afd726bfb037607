"""The note that a server was ready on a base that a turn of the year put in service.

A roll that fails is gone back from, and what it turned to is then removed only if nobody can have worked in it. Nobody
is let in before the pod is ready, and the pod is ready only once this note is on the volume.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from pronote_operator.agent.server import Server, ServerError
from pronote_operator.prepare.clock import now
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.years import note_served

logger = logging.getLogger(__name__)


class ServedNote:
    """Written once for each turn.

    Args:
        server: says which year it serves.
        volume: the data volume.
    """

    def __init__(self, server: Server, volume: Path) -> None:
        self._server = server
        self._volume = volume
        self._one = asyncio.Lock()
        self._is_settled = False

    async def write(self) -> None:
        """Write the note unless it is there; call it whenever the server is found ready.

        A failure is logged and tried again at the next call: it must not keep a school out of service. What cannot be
        told is then taken for worked in only if there is a pupil in it.
        """
        async with self._one:
            if self._is_settled:
                return
            try:
                year = await self._server.school_year()
                noted = await asyncio.to_thread(note_served, str(self._volume), year, now())
            except (ServerError, RefusedError, OSError) as error:
                logger.warning("Not noted that the server is ready", extra={"fields": {"error": str(error)}})
                return
            self._is_settled = True
            if noted:
                logger.info("Noted that the server is ready on the new base", extra={"fields": {"schoolYear": year}})
