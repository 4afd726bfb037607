"""One pass over a BackupPolicy: how the bases that follow it stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from pronote_operator.handlers.fleet import Fleet
from pronote_operator.handlers.keys import Key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.policy_status import policy_status

SETTLE_SECONDS = 10.0
"""The snapshots of many bases are counted once in so long."""


class PolicyReconciler:
    """Reconciles backup policies.

    Args:
        whole_fleet: as for channels: an operator that sees a part of the bases tells no figures.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        shared: Shared,
        fleet: Fleet,
        reporter: Reporter,
        whole_fleet: bool,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._shared = shared
        self._fleet = fleet
        self._reporter = reporter
        self._whole_fleet = whole_fleet
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        """One pass."""
        body = self._store.get(key)
        if body is None or body["metadata"].get("deletionTimestamp") or key.name not in self._shared.policies:
            return None
        if not self._fleet.complete:
            return SETTLE_SECONDS
        policy = self._shared.policies[key.name].model_validate(body)
        bases = self._fleet.of_policy(key.name) if self._whole_fleet else None
        await self._reporter.policy(key, policy.metadata.uid, policy_status(policy, bases, self._clock()))
        return None
