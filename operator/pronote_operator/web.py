"""/healthz, /readyz and /metrics of the operator."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry


async def serve(
    *,
    host: str,
    port: int,
    registry: CollectorRegistry,
    trouble: Callable[[], str | None],
    unready: Callable[[], str | None],
) -> tuple[web.AppRunner, int]:
    """Serve until the runner is cleaned up.

    Args:
        port: TCP port; 0 takes a free one.
        trouble: why the process must be started anew, or None.
        unready: why it cannot do its part yet, or None.
    Returns:
        The runner, and the port.
    """

    def verdict(judge: Callable[[], str | None]) -> Callable[[web.Request], web.Response]:
        def answer(_: web.Request) -> web.Response:
            problem = judge()
            return web.Response(status=503, text=f"{problem}\n") if problem else web.Response(text="ok\n")

        return answer

    async def healthz(request: web.Request) -> web.Response:
        return verdict(trouble)(request)

    async def readyz(request: web.Request) -> web.Response:
        return verdict(unready)(request)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, int(runner.addresses[0][1])
