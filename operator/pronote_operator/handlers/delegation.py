"""One pass over a CasDelegation: what it comes to, whether that is in force, whether its CAS server answers.

Nothing is brought in force here: the delegations of a publication are part of its site document, which its own pass
brings in force in the order that the vendor asks for (`planning.site_order`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.publication import Publication
from pronote_operator.handlers.cas_servers import CasServers
from pronote_operator.handlers.delegations import Delegations
from pronote_operator.handlers.keys import Key, publication_key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.backoff import pause_after
from pronote_operator.planning.delegation_status import Told, delegation_status
from pronote_operator.planning.site_order import delegations_of

CATALOGUE_SECONDS = 1.0
"""How soon it is looked whether the catalogue was read, when the operator starts."""
FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 300.0
"""How soon certificates are read again that are not there or cannot be used: nobody watches the ConfigMap of somebody
else that they are in."""


class DelegationReconciler:
    """Reconciles delegations.

    Args:
        mark: called with a publication whose site document may have to change.
        clock: the present, aware.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        delegations: Delegations,
        servers: CasServers,
        reporter: Reporter,
        mark: Callable[[Key], None],
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._delegations = delegations
        self._servers = servers
        self._reporter = reporter
        self._mark = mark
        self._clock = clock
        self._retries: dict[Key, int] = {}

    async def __call__(self, key: Key) -> float | None:
        """One pass; returns seconds until the next one that time alone makes necessary."""
        if (known := self._delegations.get(key)) is None:
            self.forget(key)
            return None
        place = publication_key(key.namespace, known.spec.publication)
        if not self._delegations.can_tell(place):
            return CATALOGUE_SECONDS
        if await self._delegations.read_certificates(key):
            self._mark(place)
        body = self._store.get(place)
        publication = None if body is None or body["metadata"].get("deletionTimestamp") else body
        told = self._delegations.told(place)
        if publication is not None and told is None:
            return None  # the first pass over the publication marks its delegations
        told = told or Told(None)
        resolved = await self._delegations.resolve(place, delegations_of(told.in_force).values())
        latest = self._store.get(key)
        if latest is None or key.name not in resolved:
            return None
        delegation = CasDelegation.model_validate(latest)
        one = resolved[key.name]
        # A name that the catalogue does not have must not become the label of a metric.
        ent = delegation.spec.ent if not one.kept else None
        reach = self._servers.use(key, one.server, ent)
        status = delegation_status(
            delegation,
            Publication.model_validate(publication) if publication is not None else None,
            one,
            told,
            reach,
            self._clock(),
        )
        await self._reporter.delegation(key, delegation.metadata.uid, status)
        return self._look_again(key)

    def forget(self, key: Key) -> None:
        """A delegation is gone."""
        self._servers.forget(key)
        self._retries.pop(key, None)

    def _look_again(self, key: Key) -> float | None:
        if not self._delegations.certificates_trouble(key):
            self._retries.pop(key, None)
            return None
        count = self._retries[key] = self._retries.get(key, 0) + 1
        return pause_after(count, first=FIRST_RETRY_SECONDS, last=LAST_RETRY_SECONDS)
