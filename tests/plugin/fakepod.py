"""A pod's agent behind an API server's port-forward: websockets on one side, TLS with the base's certificate inside."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from pronote_operator.builders.certificates import Certificates
from pronote_operator.builders.names import AGENT_PORT
from pronote_operator.certification.issuing import issued
from tests.plugin.fakeapi import FakeApi, Object, refusal

TOKEN = "0123456789abcdef"
SERVER_NAME = "jean-moulin-0.jean-moulin-agent.schools.svc"
PREFIX = "/api/v1/namespaces/schools"


class FakePod(FakeApi):
    """The API server of `FakeApi` with a base's parameters, its token, and the port of its pod."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: list[Object] = []
        self.blocked: list[Object] = []
        self.refusals: dict[str, int] = {}
        """By path: the status with which the API server refuses it."""
        self.port_refuses = False
        """Nothing listens in the pod."""
        self.agent_answer: Callable[[web.Request], web.Response | None] = lambda _request: None
        """What the agent answers instead of what it knows."""
        self.asked: list[str] = []
        """Verb and path of each request that reached the agent with the right token."""
        self.forwards = 0
        self._certificates = issued("jean-moulin", "schools", (SERVER_NAME,), dt.datetime.now(dt.UTC))
        self.authority = self._certificates.authority

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._agent)
        self._agent_runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
        await self._agent_runner.setup()
        await web.TCPSite(self._agent_runner, "127.0.0.1", 0, ssl_context=_context(self._certificates)).start()
        self._agent_port = int(self._agent_runner.addresses[0][1])
        await super()._start()

    async def _stop(self) -> None:
        await super()._stop()
        await self._agent_runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if status := self.refusals.get(request.path):
            return refusal(status, "refused")
        match request.path:
            case path if path == f"{PREFIX}/configmaps/jean-moulin-parameters":
                return _object({"parameters.json": json.dumps({"caCertificate": self.authority})})
            case path if path == f"{PREFIX}/secrets/jean-moulin-agent":
                return _object({"token": base64.b64encode(TOKEN.encode()).decode()})
            case path if path == f"{PREFIX}/pods/jean-moulin-0/portforward":
                return await self._forward(request)
        return await super()._handle(request)

    async def _forward(self, request: web.Request) -> web.WebSocketResponse:
        assert request.query["ports"] == str(AGENT_PORT)
        self.forwards += 1
        websocket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await websocket.prepare(request)
        for channel in (b"\0", b"\1"):
            await websocket.send_bytes(channel + AGENT_PORT.to_bytes(2, "little"))
        if self.port_refuses:
            await websocket.send_bytes(b"\1connection refused")
            return websocket
        reader, writer = await asyncio.open_connection("127.0.0.1", self._agent_port)

        async def down() -> None:
            while chunk := await reader.read(1000):
                await websocket.send_bytes(b"\0" + chunk)
            await websocket.close()

        task = asyncio.create_task(down())
        async for message in websocket:
            if message.type is WSMsgType.BINARY and message.data[0] == 0:
                writer.write(message.data[1:])
        writer.close()
        task.cancel()
        return websocket

    async def _agent(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"reason": "Unauthorized", "message": "a bearer token is needed"}, status=401)
        self.asked.append(f"{request.method} {request.raw_path}")
        if answer := self.agent_answer(request):
            return answer
        licences = {"administrative": {"used": 1, "limit": 4, "reserved": 1}, "teachers": {"used": 1, "limit": 50}}
        match request.method, request.path.split("/")[2:]:
            case "GET", ["connections"]:
                return web.json_response({"connections": self.connections, "licences": licences})
            case "GET", ["blocked-addresses"]:
                return web.json_response({"blockedAddresses": self.blocked})
            case "DELETE", ["connections", name]:
                return _removed(self.connections, "id", name)
            case "DELETE", ["blocked-addresses", name]:
                return _removed(self.blocked, "address", name)
        return web.json_response({"reason": "NotFound", "message": "there is no such resource"}, status=404)


def connection(number: int, **changes: Any) -> Object:
    """A connection as a server answers it."""
    return {
        "id": f"{number:016x}",
        "application": "Client",
        "mode": "enseignant",
        "espace": "",
        "username": f"user{number}",
        "machine": f"PC-{number}",
        "address": f"192.0.2.{number}",
        "connectedTime": "2026-11-24T08:00:00Z",
        "lastSeenTime": "2026-11-24T08:30:00Z",
        **changes,
    }


def _removed(items: list[Object], member: str, value: str) -> web.Response:
    found = next((item for item in items if item[member] == value), None)
    if found is None:
        return web.json_response({"reason": "NotFound", "message": "There is none."}, status=404)
    items.remove(found)
    return web.Response(status=204)


def _object(data: dict[str, str]) -> web.Response:
    return web.json_response({"metadata": {}, "data": data})


def _context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
        certificate.write_text(certificates.leaf)
        key.write_text(certificates.leaf_key)
        context.load_cert_chain(certificate, key)
    return context
