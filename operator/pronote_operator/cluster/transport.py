"""Connections to the API server: credentials, metering, and the two sessions.

Watches and writes have a session each, so that a burst of writes never makes a watch wait for a free connection.
"""

from __future__ import annotations

import os
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from kubernetes.aio import client as kube
from kubernetes.aio import config as kube_config

from pronote_operator.cluster.pulse import Pulse

USER_AGENT = "pronote-operator"

sslproto.SSLProtocol.max_size = 32 * 1024
"""asyncio zeroes a buffer of 256 KiB for each TLS connection, 15 MB for sixty; a TLS record has 16 KiB at most."""

Meter = Callable[[str, int], None]
"""Called with (verb, status code) for every answered request; the code is 0 when no answer came."""


async def load_configuration() -> kube.Configuration:
    """Credentials of the pod's service account, or of `KUBECONFIG` outside a cluster.

    Raises:
        kubernetes.aio.config.ConfigException: when neither is there.
    """
    configuration = kube.Configuration()
    if os.environ.get("KUBERNETES_SERVICE_HOST") and not os.environ.get("KUBECONFIG"):
        kube_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        await kube_config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    return configuration


def own_namespace() -> str:
    """The operator's namespace: `POD_NAMESPACE`, else the service account's, else `default`."""
    if name := os.environ.get("POD_NAMESPACE"):
        return name
    mounted = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return mounted.read_text(encoding="ascii").strip() if mounted.exists() else "default"


def metering(meter: Meter) -> Any:
    """An aiohttp middleware that reports the verb and status of every request."""

    async def middleware(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        verb = "WATCH" if request.url.query.get("watch") in ("1", "true") else request.method
        try:
            response = await handler(request)
        except Exception:
            meter(verb, 0)
            raise
        meter(verb, response.status)
        return response

    return middleware


def authorising(configuration: kube.Configuration) -> Any:
    """An aiohttp middleware that adds the bearer token, re-read by the configuration when it rotates."""

    async def middleware(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        auth = await configuration.auth_settings()
        if "BearerToken" in auth:
            request.headers["Authorization"] = str(auth["BearerToken"]["value"])
        return await handler(request)

    return middleware


class _Tapped:
    """A response body that tells of every chunk, otherwise the stream it wraps."""

    def __init__(self, content: aiohttp.StreamReader, on_bytes: Callable[[], None]) -> None:
        self._content = content
        self._on_bytes = on_bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """As aiohttp's; each chunk is a sign of life."""
        async for chunk in self._content.iter_chunked(size):
            self._on_bytes()
            yield chunk


def tapping(pulse: Pulse, on_reopened: Callable[[], None]) -> Any:
    """An aiohttp middleware that keeps the pulse of every watch: Kopf shows its handlers no bookmarks."""

    async def middleware(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        watching = request.url.query.get("watch") == "true"
        stream = f"kopf:{request.url.path}"
        if watching and pulse.opened(stream):
            on_reopened()
        response = await handler(request)
        if watching and response.status == 200:
            response.content = _Tapped(response.content, lambda: pulse.beat(stream))  # type: ignore[assignment]
        return response

    return middleware


def kopf_credentials(
    configuration: kube.Configuration, *, pulse: Pulse, meter: Meter, limit: int, on_reopened: Callable[[], None]
) -> kopf.AiohttpSession:
    """The session that Kopf lists and watches with.

    Args:
        limit: bound of its connections: Kopf's own sessions have none, and a cold start would open thousands.
        on_reopened: called when a watch is opened again: something may have been missed.
    """
    ssl_context = kube.rest.RESTClientObject(configuration).ssl_context
    return kopf.AiohttpSession(
        server=str(configuration.host),
        default_namespace=own_namespace(),
        aiohttp_session=aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, ssl=ssl_context),
            headers={"User-Agent": f"{USER_AGENT}/kopf"},
            middlewares=(metering(meter), authorising(configuration), tapping(pulse, on_reopened)),
        ),
    )


def sessions(configuration: kube.Configuration, *, meter: Meter, limit: int) -> tuple[kube.ApiClient, kube.ApiClient]:
    """(for requests, for watches): two clients of the Kubernetes library, each with a connection pool of its own.

    Args:
        limit: connections of the request session, which is also the number of requests under way at once. Watches are
            unbounded here: there is one for each watched kind (and namespace, for Secrets).
    """
    clients = []
    for maximum in (limit, 0):
        own = kube.Configuration.__new__(kube.Configuration)
        own.__dict__.update(configuration.__dict__)
        own.connection_pool_maxsize = maximum
        own.client_session_kwargs = {"middlewares": (metering(meter),)}
        api_client = kube.ApiClient(own)
        api_client.user_agent = USER_AGENT
        clients.append(api_client)
    return clients[0], clients[1]
