"""The ASGI applications of a replica: for visitors, and for probes and metrics."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router

from pronote_net import assets
from pronote_net.entrance import entrance_routes
from pronote_net.envelope import Envelope
from pronote_net.espaces import BY_SLUG
from pronote_net.protocol import protocol_routes
from pronote_net.rooms import room_routes
from pronote_net.upstream import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from pronote_net.desk import Desk
    from pronote_net.metrics import Metrics

ROBOTS = "User-agent: *\nDisallow: /\n"

log = logging.getLogger("pronote_net")


def visitors_app(desk: Desk) -> ASGIApp:
    """Return the application for visitors."""

    async def on_refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, Refused):
            raise error
        espace = BY_SLUG.get(request.path_params.get("slug", ""))
        return desk.notice(error, espace)

    async def on_http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        answer = desk.notice(Refused(error.status_code, "NotFound" if error.status_code == 404 else "Invalid"), None)
        answer.headers.update(error.headers or {})
        return answer

    async def on_failure(_request: Request, error: Exception) -> Response:
        log.error("A request has failed", exc_info=error)
        return desk.notice(Refused(500, "Failure"), None)

    async def to_path(_request: Request) -> Response:
        return RedirectResponse(f"{desk.config.path}/", 308)

    routes = [
        Route("/robots.txt", _robots),
        Route(desk.config.path, to_path),
        Mount(
            desk.config.path,
            # A redirect to a path with or without a slash would be built from the Host header.
            app=Router(
                redirect_slashes=False,
                routes=[
                    Route("/robots.txt", _robots),
                    Route("/fichiers/{name}", _asset),
                    *protocol_routes(desk),
                    *entrance_routes(desk),
                    *room_routes(desk),
                ],
            ),
        ),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={Refused: on_refused, HTTPException: on_http_error, Exception: on_failure},
    )
    app.router.redirect_slashes = False
    return Envelope(app, desk.metrics, desk.sites, desk.config.path)


def status_app(metrics: Metrics) -> ASGIApp:
    """Return the application for probes and metrics."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def show(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/livez", alive), Route("/readyz", alive), Route("/metrics", show)])


async def _robots(_request: Request) -> Response:
    return PlainTextResponse(ROBOTS)


async def _asset(request: Request) -> Response:
    asset = assets.BY_NAME.get(request.path_params["name"])
    if asset is None:
        raise Refused(404, "NotFound")
    return Response(asset.content, headers={"content-type": asset.media_type})
