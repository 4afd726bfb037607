"""One pass over a VersionChannel: which release is due, and how many of its bases have it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from pydantic import ValidationError

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.handlers.fleet import Fleet
from pronote_operator.handlers.keys import Key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.channel_status import Progress, channel_status

SETTLE_SECONDS = 5.0
"""Changes of many bases at once are counted once."""


class ChannelReconciler:
    """Reconciles version channels.

    Args:
        whole_fleet: whether this operator serves all namespaces. One that serves a few must not report figures of its
            part as the channel's: another operator, with other figures, would write over them for ever.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        fleet: Fleet,
        reporter: Reporter,
        whole_fleet: bool,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._reporter = reporter
        self._whole_fleet = whole_fleet
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        """One pass."""
        body = self._store.get(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None
        if not self._fleet.complete:
            return SETTLE_SECONDS
        try:
            channel = VersionChannel.model_validate(body)
        except ValidationError:
            return None  # said when it was read; bases that follow it are told that it is missing
        members = self._fleet.of_channel(key.name)
        rolling = {
            f"{k.namespace}/{k.name}": m.version for k, m in members.items() if m.candidate.in_flight and m.target
        }
        progress = Progress(
            updated=sum(1 for m in members.values() if m.target is not None and m.version == m.target),
            pending=sum(1 for m in members.values() if m.candidate.waits),
            updating=sorted(rolling),
            total=len(members),
        )
        status, again = channel_status(channel, progress if self._whole_fleet else None, self._clock())
        await self._reporter.channel(key, channel.metadata.uid, status)
        return again
