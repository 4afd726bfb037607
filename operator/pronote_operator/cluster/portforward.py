"""One port of a pod on loopback, through the API server and the kubelet, as `kubectl port-forward` does it.

The kubelet dials the port from inside the pod's own network, so no NetworkPolicy has to let a person in, and what goes
through is TLS of the pod's own: neither the API server nor another user of this machine can read it.

Each connection is a websocket of its own with the subprotocol `v4.channel.k8s.io`: the first byte of a message is its
channel, 0 for data and 1 for errors, and the first message of each channel holds nothing but the port.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
from kubernetes.aio.stream import WsApiClient

from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import PODS
from pronote_operator.errors import ApiError

OPEN_SECONDS = 15.0
"""Until the API server and the kubelet have opened a websocket."""
CHUNK_BYTES = 32 << 10

_DATA, _ERRORS = 0, 1


class Forward:
    """A port of a pod that is reached at `port` on 127.0.0.1 while the context of `forwarded` lasts."""

    def __init__(self, client: WsApiClient, headers: dict[str, str], url: str) -> None:
        self._client = client
        self._headers = headers
        self._url = url
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0
        self.failure: ApiError | None = None
        """Why the last connection came to nothing: its `status` is that of the API server, or 502 when the port of the
        pod did not answer, or 504 when the API server did not."""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one local connection; it is closed at the end, whatever happens."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                websocket = await self._websocket()
            self.failure = None
            async with websocket:
                await self._carry(websocket, reader, writer)
        except aiohttp.WSServerHandshakeError as error:
            self.failure = ApiError(error.status, "PortForward", error.message)
        except (aiohttp.ClientError, OSError) as error:
            said = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            self.failure = ApiError(504, "PortForward", said)
        except asyncio.CancelledError:
            # Nobody awaits this task, and asyncio reports one that ends as cancelled.
            return
        finally:
            self._open.discard(task)
            writer.close()

    async def stop(self) -> None:
        """Cut the connections that are open."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open)

    async def _websocket(self) -> aiohttp.ClientWebSocketResponse:
        # The library answers without a look at the server: the connection is made by awaiting what it hands back.
        answer = await self._client.call_api(  # type: ignore[no-untyped-call]
            "GET", self._url, header_params=self._headers, _preload_content=False
        )
        websocket: aiohttp.ClientWebSocketResponse = await answer.response
        return websocket

    async def _carry(
        self, websocket: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async def upwards() -> None:
            with contextlib.suppress(ConnectionError):
                while chunk := await reader.read(CHUNK_BYTES):
                    await websocket.send_bytes(bytes([_DATA]) + chunk)
            await websocket.close()

        begun: set[int] = set()
        up = asyncio.create_task(upwards())
        try:
            async for message in websocket:
                if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                    continue
                channel, content = message.data[0], message.data[1:]
                if channel not in begun:
                    begun.add(channel)
                elif channel == _DATA:
                    writer.write(content)
                    await writer.drain()
                elif channel == _ERRORS:
                    self.failure = ApiError(502, "PortForward", content.decode("utf-8", "replace")[:300])
                    return
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)


@contextlib.asynccontextmanager
async def forwarded(client: KubeClient, namespace: str, pod: str, port: int) -> AsyncIterator[Forward]:
    """Reach a port of a pod. Nothing is opened before somebody connects; look at `failure` when that does not work.

    Needs the verbs get and (from Kubernetes 1.35 on) create on `pods/portforward`.
    """
    api_client = client.api_client
    url = f"{api_client.configuration.host}{PODS.path(namespace, pod, 'portforward')}?ports={port}"
    websockets = WsApiClient(api_client.configuration)  # type: ignore[no-untyped-call]
    forward = Forward(websockets, await client.headers(), url)
    server = await asyncio.start_server(forward.carry, "127.0.0.1", 0)
    forward.port = int(server.sockets[0].getsockname()[1])
    try:
        yield forward
    finally:
        server.close()
        await forward.stop()
        await websockets.close()  # type: ignore[no-untyped-call]
