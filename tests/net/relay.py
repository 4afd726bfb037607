"""A relay in the place of PRONOTE.net's replicas: pages and messages, without anything of theirs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.threaded import ThreadedServer

if TYPE_CHECKING:
    from tests.support.net_server import NetServer

PAGES = {
    "direction": "Direction",
    "professeur": "Professeurs",
    "viescolaire": "VieScolaire",
    "parent": "Parents",
    "eleve": "Eleves",
}


class Relay(ThreadedServer):
    """Serves `/pronote/<page>.html` and `/pronote/appelfonction/…` of one server, for visitors of one address."""

    def __init__(self, server: NetServer, visitor: str = "192.0.2.10") -> None:
        super().__init__()
        self._server = server
        self.visitor = visitor
        self.one_time: dict[str, str] | None = None

    def url(self, page: str) -> str:
        """Return the address of a page."""
        return f"http://127.0.0.1:{self.port}/pronote/{page}.html"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/pronote/")
        return await (self._page(path) if request.method == "GET" else self._call(path, await request.read()))

    async def _page(self, path: str) -> web.Response:
        page = path.removeprefix("mobile.").removesuffix(".html")
        answer = await asyncio.to_thread(
            self._server.net, "POST", "/net/v1/pages", {"espace": PAGES[page]}, visitor=self.visitor
        )
        if answer.status != 200:
            text = "Votre adresse IP est provisoirement suspendue !" if answer.status == 429 else "indisponible"
            return web.Response(status=answer.status, text=text)
        found = answer.json
        flags = "".join(
            f",{name}:true" for name, on in (("CrA", found["encrypted"]), ("CoA", found["compressed"])) if on
        )
        start = f"Start ({{h:'{found['session']}',a:{found['espaceId']}{flags}}})"
        return web.Response(content_type="text/html", text=f'<html><body onload="{start}"></body></html>')

    async def _call(self, path: str, body: bytes) -> web.Response:
        call = path.removeprefix("appelfonction/")
        answer = await asyncio.to_thread(self._server.net, "POST", f"/net/v1/calls/{call}", body, visitor=self.visitor)
        return web.Response(status=answer.status, body=answer.body, content_type="application/json")
