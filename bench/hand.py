"""What the measurements do at the API server besides the operator's own client: counts, merge patches, many at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from kubernetes.aio import client as kube
from kubernetes.aio import config as kube_config

from bench.errors import BenchError
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import Kind
from pronote_operator.cluster.transport import sessions
from tests.support.kubeconfig import read_kubeconfig

CONNECTIONS = 32
"""As the operator's own default (max_api_connections)."""

Item = TypeVar("Item")
Object = dict[str, Any]


class Hand:
    """An administrator's requests, beside the operator."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def request(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json"
    ) -> Object:
        """One request; the answer's JSON.

        Raises:
            BenchError: the API server refused.
        """
        data = json.dumps(body).encode() if body is not None else None
        async with self._session.request(method, self._url + path, data=data, headers={"Content-Type": kind}) as answer:
            content = await answer.read()
            if answer.status >= 400:
                raise BenchError(f"{method} {path}: {answer.status} {content[:300].decode(errors='replace')}")
        found: Object = json.loads(content)
        return found

    async def merge(self, path: str, change: Object) -> Object:
        """A merge patch, as a person's `kubectl patch`."""
        return await self.request("PATCH", f"{path}?fieldManager=bench", change, "application/merge-patch+json")

    async def count(self, kind: Kind) -> int:
        """How many objects of a kind there are in the whole cluster: one object is read, the rest is counted."""
        page = await self.request("GET", f"{kind.collection()}?limit=1")
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount") or 0)


@asynccontextmanager
async def hand(kubeconfig: Path) -> AsyncIterator[Hand]:
    """A hand at the API server of a kubeconfig."""
    upstream = read_kubeconfig(kubeconfig)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=upstream.tls or True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield Hand(session, upstream.url)


@asynccontextmanager
async def operators_client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    """The very client that the operator sends its requests with."""
    configuration = kube.Configuration()
    await kube_config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    client = KubeClient(*sessions(configuration, meter=lambda _verb, _code: None, limit=CONNECTIONS))
    try:
        yield client
    finally:
        await client.close()


async def each(items: Iterable[Item], work: Callable[[Item], Awaitable[object]], *, at_once: int) -> None:
    """Do something for each item, so many at a time, in their order; the first failure ends it and is raised."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
