"""The agent's two listeners: probes and metrics in the clear, the guarded API over TLS."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from pronote_operator.agent import metrics
from pronote_operator.agent.allowlist import BODY_BYTES, Allowed, MethodNotAllowed, decide
from pronote_operator.agent.answers import Api, answer
from pronote_operator.agent.mounted import Token
from pronote_operator.agent.served import ServedNote
from pronote_operator.agent.server import CachedHealth, Server, ServerError

logger = logging.getLogger(__name__)

BODY_SECONDS: Final = 10.0
"""Within which a caller's body must have come."""

_STATUS_OF: Final = {"ServerUnreachable": 503, "ServerTimedOut": 504}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def probe_application(server: Server, own: metrics.AgentMetrics, served: ServedNote) -> web.Application:
    """``/livez`` (the agent), ``/readyz`` and ``/server/livez`` (the server's), ``/metrics`` (both)."""

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def exposition(_request: web.Request) -> web.Response:
        began = time.perf_counter()
        of_server, up = "", True
        try:
            of_server = metrics.checked(await server.metrics())
        except (ServerError, ValueError) as error:
            up = False
            logger.warning("The server gave no usable metrics", extra={"fields": {"error": str(error)}})
        own.scrape_seconds.set(time.perf_counter() - began)
        own.server_up.set(up)
        return web.Response(
            text=own.exposition(of_server),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    application = web.Application(client_max_size=1024)
    application.router.add_get("/livez", live)
    application.router.add_get("/readyz", _health_handler(CachedHealth(server, "/readyz"), served.write))
    application.router.add_get("/server/livez", _health_handler(CachedHealth(server, "/livez")))
    application.router.add_get("/metrics", exposition)
    return application


def admin_application(server: Server, token: Token, own: metrics.AgentMetrics, apis: Sequence[Api]) -> web.Application:
    """The agent's own requests, and the allow-listed proxy to the server's; every request needs the bearer token."""

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        code = 500
        try:
            response = await handler(request)
            code = response.status
        finally:
            own.count(request.method, code)
        return response

    async def proxy(request: web.Request) -> web.StreamResponse:
        # The token first: without it nobody learns which paths there are.
        if not token.usable:
            return _error(503, "TokenUnavailable", "the agent has no token to compare with")
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.matches(presented.strip()):
            return _error(401, "Unauthorized", "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        for api in apis:
            match api.route(request.method, request.raw_path):
                case None:
                    continue
                case tuple() as methods:
                    return _error(405, "MethodNotAllowed", "not with this method", {"Allow": ", ".join(methods)})
                case route:
                    body = await _body(request, BODY_BYTES)
                    return await answer(route, body) if isinstance(body, bytes) else body
        match decide(request.method, request.raw_path):
            case None:
                return _error(404, "NotFound", "there is no such resource")
            case MethodNotAllowed(methods):
                return _error(405, "MethodNotAllowed", "not with this method", {"Allow": ", ".join(methods)})
            case Allowed() as allowed:
                return await _forward(server, request, allowed)

    application = web.Application(middlewares=[counted])
    application.router.add_route("*", "/{anything:.*}", proxy)
    return application


async def _body(request: web.Request, most: int) -> bytes | web.Response:
    """The body of a request, or the answer to one whose body does not come or has more than `most` bytes."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.clone(client_max_size=most).read()
    except TimeoutError:
        return _error(408, "RequestTimedOut", f"the body did not come within {BODY_SECONDS:g} s")
    except web.HTTPRequestEntityTooLarge:
        return _error(413, "RequestTooLarge", f"a body may have {most} bytes")


async def _forward(server: Server, request: web.Request, allowed: Allowed) -> web.Response:
    body = await _body(request, allowed.body_bytes)
    if not isinstance(body, bytes):
        return body
    if allowed.document and not _is_document(request.content_type, body):
        return _error(400, "InvalidRequest", "the body must be a JSON object, sent as application/json")
    try:
        told = await server.forward(
            allowed.method,
            allowed.path,
            seconds=allowed.seconds,
            body=body,
            content_type=request.headers.get("Content-Type"),
        )
    except ServerError as error:
        return _error(_STATUS_OF.get(error.reason, 502), error.reason, error.message)
    return web.Response(status=told.status, headers=told.headers, body=told.body)


def _is_document(content_type: str, body: bytes) -> bool:
    try:
        return content_type == "application/json" and isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _health_handler(health: CachedHealth, when_good: Callable[[], Awaitable[None]] | None = None) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        found = await health.get()
        if found.good:
            if when_good is not None:
                await when_good()
            return web.json_response({"ready": True})
        return web.json_response({"ready": False, "reason": found.reason, "message": found.message}, status=503)

    return handler


def _error(status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"reason": reason, "message": message}, status=status, headers=headers)
