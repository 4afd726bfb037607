"""Kopf's part: the streams of our five kinds. Handlers only keep the body and mark keys; the queue does the work.

No create or update handlers, no daemons, no timers, no finalizers and no annotations of the framework: what must
outlive a base simply has no owner reference, and what must happen follows from comparing, not from events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from pronote_operator.api.constants import GROUP, VERSION
from pronote_operator.settings import Settings

Observer = Callable[[str | None, dict[str, Any]], None]
"""Told of (event type, body): the type is None for objects of a list, else ADDED, MODIFIED or DELETED."""


def registry(
    observers: dict[str, Observer], login: Callable[[], Awaitable[kopf.AiohttpSession]]
) -> kopf.OperatorRegistry:
    """Handlers for each plural in `observers`."""
    handlers = kopf.OperatorRegistry()

    async def on_login(**_: Any) -> kopf.AiohttpSession:
        return await login()

    kopf.on.login(registry=handlers)(on_login)
    for plural, observe in observers.items():
        kopf.on.event(GROUP, VERSION, plural, registry=handlers, id=plural)(_handler(observe))
    return handlers


def framework_settings(settings: Settings) -> kopf.OperatorSettings:
    """Kopf's settings, as measured for ten thousand objects (docs/explanation/architecture.md)."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.persistence.diffbase_storage = _NoDiffBase()
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.queueing.worker_limit = 100
    chosen.queueing.idle_timeout = 0.02
    chosen.watching.chunk_size = 500
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 330
    chosen.watching.connect_timeout = 10
    chosen.watching.inactivity_timeout = 75
    chosen.networking.request_timeout = 60
    chosen.networking.connect_timeout = 10
    return chosen


class _NoDiffBase(kopf.DiffBaseStorage):
    """No last-handled state: Kopf would copy each object deeply to compare it with one, for handlers we do not have."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        return {}  # type: ignore[typeddict-item,unused-ignore]

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        return None


def _handler(observe: Observer) -> Callable[..., Awaitable[None]]:
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        observe(event["type"], dict(event["object"]))

    return on_event
