"""The admin API of instance contract v1: plain HTTP on loopback, for the pod's agent and the kubelet's probes."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pronote_server.addresses import group_of, parse_address
from pronote_server.admission import out_of_service
from pronote_server.answers import Envelope, Json, on_failure, on_http_error, on_refusal, read_model
from pronote_server.clock import now_utc, rfc3339
from pronote_server.connections import connections_document
from pronote_server.errors import Refusal
from pronote_server.storage.checkpoint import Checkpoint, Interrupted, NoRoom, delete_checkpoint, write_checkpoint
from pronote_server.web.site import MAX_SITE_BYTES, Site
from pronote_server.words import State

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from pronote_server.instance import Instance

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of Prometheus's text format."""

CHECKPOINT_DRAIN_SECONDS = 12.0
"""A checkpoint that runs when the stop begins may go on that long: most then end well, none delays the stop."""

log = logging.getLogger(__name__)


def admin_app(instance: Instance) -> ASGIApp:
    """Return the ASGI application of the admin API."""

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        ready = instance.state is State.READY
        return PlainTextResponse(f"{instance.state.value}\n", status_code=200 if ready else 503)

    async def metrics(_request: Request) -> Response:
        return Response(instance.metrics.render(), headers={"content-type": METRICS_TYPE})

    async def info(_request: Request) -> Response:
        base = instance.config.base
        return Json(
            {
                "contract": "v1",
                "version": base.version,
                "uai": base.uai,
                "schoolYear": base.school_year,
                "state": instance.state.value,
            }
        )

    async def checkpoint(_request: Request) -> Response:
        return Json(_checkpoint_document(instance, await _make_checkpoint(instance)))

    async def remove_checkpoint(request: Request) -> Response:
        name = request.path_params["name"]
        if not await asyncio.to_thread(delete_checkpoint, instance.config.checkpoints, name):
            raise Refusal(404, "NotFound", "There is no such checkpoint.")
        return Response(status_code=204)

    async def connections(_request: Request) -> Response:
        return Json(connections_document(instance))

    async def remove_connection(request: Request) -> Response:
        if not instance.sessions.close(request.path_params["id"]):
            raise Refusal(404, "NotFound", "There is no such connection.")
        return Response(status_code=204)

    async def blocked(_request: Request) -> Response:
        suspended = instance.suspensions.suspended(time.time())
        return Json({"blockedAddresses": [_blocked_document(group, until) for group, until in suspended]})

    async def release(request: Request) -> Response:
        if not instance.suspensions.release(_group(request.path_params["address"])):
            raise Refusal(404, "NotFound", "This address is not blocked.")
        return Response(status_code=204)

    async def site(_request: Request) -> Response:
        return Json(_site_document(instance))

    async def put_site(request: Request) -> Response:
        instance.sites.sent(await read_model(request, Site, MAX_SITE_BYTES))
        instance.apply_site()
        return Json(_site_document(instance))

    app = Starlette(
        routes=[
            Route("/livez", livez, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
            Route("/v1/info", info, methods=["GET"]),
            Route("/v1/checkpoint", checkpoint, methods=["POST"]),
            Route("/v1/checkpoint/{name}", remove_checkpoint, methods=["DELETE"]),
            Route("/v1/connections", connections, methods=["GET"]),
            Route("/v1/connections/{id}", remove_connection, methods=["DELETE"]),
            Route("/v1/site", site, methods=["GET"]),
            Route("/v1/site", put_site, methods=["PUT"]),
            Route("/v1/blocked-addresses", blocked, methods=["GET"]),
            Route("/v1/blocked-addresses/{address}", release, methods=["DELETE"]),
        ],
        exception_handlers={Refusal: on_refusal, HTTPException: on_http_error, Exception: on_failure},
    )
    return Envelope(app, instance.metrics, "admin")


def _site_document(instance: Instance) -> dict[str, object]:
    found = instance.sites.site
    if found is None:
        raise Refusal(404, "NothingPublished", "No site document has come yet.")
    return found.model_dump(mode="json", by_alias=True)


def _blocked_document(group: str, until: float) -> dict[str, object]:
    # Written as an address that DELETE takes back, also where a whole IPv6 site is meant.
    address, _, length = group.partition("/")
    return {
        "address": address,
        "prefixLength": int(length) if length else 32,
        "until": rfc3339(datetime.fromtimestamp(until, UTC)),
    }


def _group(text: str) -> str:
    try:
        return group_of(parse_address(text))
    except ValueError:
        raise Refusal(400, "InvalidRequest", "This is not an IP address.") from None


async def _make_checkpoint(instance: Instance) -> Checkpoint:
    if instance.state is not State.READY:
        raise out_of_service()
    if instance.checkpointing.locked():
        raise Refusal(409, "CheckpointInProgress", "Another checkpoint is being written.", retry_after=5)
    async with instance.checkpointing:
        begun = time.monotonic()
        try:
            made = await asyncio.to_thread(
                write_checkpoint,
                instance.config.base,
                instance.config.checkpoints,
                now_utc(),
                lambda: instance.drained_seconds() > CHECKPOINT_DRAIN_SECONDS,
            )
        except Interrupted:
            instance.metrics.checkpoints.labels("failure").inc()
            raise out_of_service() from None
        except NoRoom:
            instance.metrics.checkpoints.labels("failure").inc()
            raise Refusal(507, "InsufficientStorage", "The data volume has too little free space.") from None
        except (OSError, sqlite3.Error):
            instance.metrics.checkpoints.labels("failure").inc()
            log.exception("Checkpoint failed")
            raise Refusal(500, "CheckpointFailed", "The checkpoint could not be written.") from None
    seconds = time.monotonic() - begun
    instance.metrics.checkpoints.labels("success").inc()
    instance.metrics.checkpoint_seconds.observe(seconds)
    log.info("Checkpoint written", extra={"data": {"checkpoint": made.name, "bytes": made.size_bytes}})
    return made


def _checkpoint_document(instance: Instance, made: Checkpoint) -> dict[str, object]:
    return {
        "name": made.name,
        "path": str(made.path),
        "schoolYear": instance.config.base.school_year,
        "version": instance.config.base.version,
        "sizeBytes": made.size_bytes,
        "createdTime": rfc3339(made.created),
    }
