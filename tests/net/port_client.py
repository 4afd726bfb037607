"""A client of the web protocol that speaks to the port itself, so that a test can send what no relay would."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any, cast

from tests.support.webclients import LOST, Channel, Data, SessionLost, WebClient, WebClientError

if TYPE_CHECKING:
    import aiohttp

    from tests.conformance.harness import Answer
    from tests.support.net_server import NetServer

PAGE_EXPIRED = 11
SESSION_EXPIRED = 10
ACCESS_REFUSED = 3
TOO_MANY_ATTEMPTS = 25


class PortClient(WebClient):
    """One visitor of an Espace."""

    def __init__(self, server: NetServer, espace: str, visitor: str = "192.0.2.10") -> None:
        super().__init__(cast("aiohttp.ClientSession", None), "https://port.test/")
        self._server = server
        self._espace = espace
        self._visitor = visitor

    async def open(self) -> dict[str, str]:
        """Open a page."""
        answer = await self.ask_port("/net/v1/pages", {"espace": self._espace})
        if answer.status != 200:
            raise WebClientError(answer.json["reason"], status=answer.status)
        self.take(answer.json)
        vector = secrets.token_bytes(16)
        digest = hashlib.md5(vector, usedforsecurity=False).digest()
        self.parameters = await self.ask(
            "FonctionParametres", {"Uuid": base64.b64encode(vector).decode()}, vector=digest
        )
        return {}

    def take(self, page: dict[str, Any]) -> None:
        """Take a session that a page or a ticket gave."""
        self._channel = Channel(page["session"], str(page["espaceId"]), page["encrypted"], page["compressed"])

    async def ask_port(self, path: str, body: object) -> Answer:
        """Ask the port for this visitor."""
        return await asyncio.to_thread(self._server.net, "POST", path, body, visitor=self._visitor)

    async def post(self, path: str, body: object) -> Data:
        """Send a message."""
        answer = await self.ask_port("/net/v1/calls/" + path.removeprefix("appelfonction/"), body)
        if answer.status != 200:
            raise WebClientError(answer.json["reason"], status=answer.status)
        found: Data = answer.json
        if error := found.get("Erreur"):
            kind = SessionLost if error["G"] in LOST else WebClientError
            raise kind(str(error.get("Titre")), code=int(error["G"]))
        return found

    async def code_of(self, path: str, body: object) -> int:
        """Send a message and return the protocol's error, or HTTP's; 0 when there is none."""
        try:
            await self.post(path, body)
        except WebClientError as error:
            return error.code or error.status
        return 0
