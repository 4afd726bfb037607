"""What every answer to a visitor has: headers that bind browsers, and its place in the metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pronote_server.http_server import http_date

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pronote_net.metrics import Metrics
    from pronote_net.site import Sites

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)

_STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


class Envelope:
    """ASGI middleware around the application for visitors."""

    def __init__(self, app: ASGIApp, metrics: Metrics, sites: Sites, path: str) -> None:
        self._app = app
        self._metrics = metrics
        self._sites = sites
        self._calls, self._files = f"{path}/appelfonction/", f"{path}/fichiers/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        began, kind = time.perf_counter(), self._kind(scope["path"])

        async def send_enveloped(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(kind, f"{message['status'] // 100}xx").inc()
                message["headers"] = [*message["headers"], *self._headers(kind, message["status"])]
            await send(message)

        try:
            await self._app(scope, receive, send_enveloped)
        finally:
            self._metrics.seconds.labels(kind).observe(time.perf_counter() - began)

    def _kind(self, path: str) -> str:
        if path.startswith(self._calls):
            return "call"
        return "static" if path.startswith(self._files) else "page"

    def _headers(self, kind: str, status: int) -> list[tuple[bytes, bytes]]:
        kept = kind == "static" and status == 200
        found = [*_HEADERS, (b"date", http_date())]
        found.append((b"cache-control", b"public, max-age=31536000, immutable" if kept else b"no-store"))
        site = self._sites.known
        if site is not None and site.https:
            found.append(_STRICT_TRANSPORT)
        return found
