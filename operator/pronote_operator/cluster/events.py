"""Events on the project's objects: few, and only of what a person would want to know.

The same (object, reason, message) is posted at most once in ten minutes, and each object has a budget, so that a base
that flaps cannot fill the cluster's store.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from pronote_operator.api.constants import GROUP, VERSION
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import EVENTS
from pronote_operator.errors import ApiError

logger = logging.getLogger(__name__)

REPEAT_SECONDS = 600.0
BURST = 25
"""More than the 18 steps of the largest source, each of which is told."""
REFILL_SECONDS = 60.0
REMEMBERED = 5000
NOTE_BYTES = 1000
"""The API allows 1024 bytes in `note`."""


@dataclass(frozen=True, slots=True)
class About:
    """The object that an Event regards."""

    kind: str
    namespace: str | None
    name: str
    uid: str


class EventRecorder:
    """Posts Events.

    Args:
        instance: which replica reports.
        clock: monotonic seconds.
    """

    def __init__(self, client: KubeClient, *, instance: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._instance = instance[:128]
        self._clock = clock
        self._posted: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._budget: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def post(self, about: About, *, warning: bool, reason: str, action: str, note: str) -> None:
        """Post an Event unless it repeats itself or the budget is spent. Never raises: work goes on without."""
        if not self._admit(about.uid, reason, note):
            return
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        namespace = about.namespace or "default"
        event = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": f"{about.name[:200]}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "eventTime": now,
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "action": action,
            "note": note.encode()[:NOTE_BYTES].decode(errors="ignore"),
            "reportingController": f"{GROUP}/operator",
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": about.kind,
                "name": about.name,
                "uid": about.uid,
                **({"namespace": about.namespace} if about.namespace else {}),
            },
        }
        try:
            await self._client.create(EVENTS, namespace, event)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.warning("The Event %s on %s could not be posted: %s", reason, about.name, error)

    def _admit(self, uid: str, reason: str, note: str) -> bool:
        now = self._clock()
        key = (uid, reason, note)
        last = self._posted.get(key)
        if last is not None and now - last < REPEAT_SECONDS:
            return False
        tokens, since = self._budget.get(uid, (float(BURST), now))
        tokens = min(float(BURST), tokens + (now - since) / REFILL_SECONDS)
        if tokens < 1:
            return False
        self._budget[uid] = (tokens - 1, now)
        self._posted[key] = now
        self._posted.move_to_end(key)
        self._budget.move_to_end(uid)
        while len(self._posted) > REMEMBERED:
            self._posted.popitem(last=False)
        while len(self._budget) > REMEMBERED:
            self._budget.popitem(last=False)
        return True
