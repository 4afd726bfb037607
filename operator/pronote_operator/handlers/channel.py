"""One pass over a VersionChannel: what is due, who goes over to it, and how far that is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from pydantic import ValidationError

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.handlers.fleet import Fleet
from pronote_operator.handlers.keys import Key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.rollouts import Rollouts
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.channel_status import Progress, channel_status
from pronote_operator.planning.rollout_status import coming_switchover, halted, rollout_status

SETTLE_SECONDS = 5.0
"""Changes of many bases at once are counted once."""


class ChannelReconciler:
    """Reconciles version channels.

    Args:
        whole_fleet: whether this operator serves all namespaces. One that serves a few must not report figures of its
            part as the channel's, and leaves the status alone where one that serves all has told them: each would write
            over the other's for ever.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        shared: Shared,
        fleet: Fleet,
        rollouts: Rollouts,
        reporter: Reporter,
        whole_fleet: bool,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._shared = shared
        self._fleet = fleet
        self._rollouts = rollouts
        self._reporter = reporter
        self._whole_fleet = whole_fleet
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        """One pass; returns seconds until the next one that time alone makes necessary."""
        body = self._store.get(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None
        if not self._rollouts.complete:
            return SETTLE_SECONDS
        try:
            channel = VersionChannel.model_validate(body)
        except ValidationError:
            return None  # said when it was read; bases that follow it are told that it is missing
        if self._rollouts.unseen(key.name):
            return SETTLE_SECONDS
        now = self._clock()
        self._rollouts.give_places(key.name)
        decision, plan, waves = self._rollouts.decide(channel, now)
        figures = rollout_status(
            decision,
            plan,
            updated=waves.updated,
            total=self._fleet.of_channel(key.name),
            coming=coming_switchover(channel.spec.calendars, self._rollouts.followed(key.name), now),
        )
        if not self._whole_fleet and channel.status.phase is not None:
            return _sooner(None, decision.again, now)
        progress = Progress(figures, halted(decision)) if self._whole_fleet else None
        status, again = channel_status(channel, progress, now)
        await self._reporter.channel(key, channel.metadata.uid, status)
        # The watch has no news of what was written here: without this no base would be told that the rollout halted.
        if (newest := self._store.get(key)) is not None:
            self._shared.put_channel(newest)
        return _sooner(again, decision.again, now)


def _sooner(seconds: float | None, moment: dt.datetime | None, now: dt.datetime) -> float | None:
    coming = [] if moment is None else [max(0.0, (moment - now).total_seconds()) + 1.0]
    return min([*coming, *([] if seconds is None else [seconds])], default=None)
