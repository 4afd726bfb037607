"""Everything about delegations in one place: what is watched, who wants a pass, and what publications ask for."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pronote_operator.certification.certifier import Certifier, CertifierError
from pronote_operator.cluster.cas import CasClient
from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import CONFIG_MAPS, Kind
from pronote_operator.cluster.pulse import Pulse
from pronote_operator.cluster.reflector import Listener, Reflector
from pronote_operator.handlers.cas_servers import CasServers
from pronote_operator.handlers.delegation import DelegationReconciler
from pronote_operator.handlers.delegations import Delegations
from pronote_operator.handlers.keys import Key, delegation_key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.delegation import documents
from pronote_operator.planning.delegation_status import Told
from pronote_operator.planning.site_order import Site, delegations_of

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
"""How soon the catalogue is read again whose certificates could not be judged."""


class DelegationDesk:
    """Reconciles delegations, and gives publications theirs.

    Args:
        namespace: the operator's own, where the catalogue is.
        catalogue: name of the catalogue's ConfigMap.
        mark: called with what wants a pass; not every one of them need exist.
        unmark: called with one that is gone.
        clock: the present, aware.
    """

    def __init__(
        self,
        *,
        client: KubeClient,
        store: ObjectStore,
        reporter: Reporter,
        pulse: Pulse,
        certifier: Certifier,
        namespace: str,
        catalogue: str,
        mark: Callable[[Key], None],
        unmark: Callable[[Key], None],
        clock: Callable[[], dt.datetime],
        cas_client: CasClient | None = None,
    ) -> None:
        async def configmap(namespace: str, name: str) -> Object | None:
            return await client.get(CONFIG_MAPS, namespace, name)

        self._store = store
        self._mark = mark
        self._unmark = unmark
        self._delegations = Delegations(configmap=configmap, judge=certifier.bundle, clock=clock)
        self._catalogue: Mapping[str, Any] | None = None
        self._catalogue_news = asyncio.Event()
        self._servers = CasServers(ask=(cas_client or CasClient()).ask, mark=self._mark)
        self._work = DelegationReconciler(
            store=store,
            delegations=self._delegations,
            servers=self._servers,
            reporter=reporter,
            mark=self._mark,
            clock=clock,
        )
        listener = Listener(seen=self._catalogue_seen, gone=self._catalogue_gone, synced=self._catalogue_listed)
        fields = f"metadata.name={catalogue}"
        self._reflector = Reflector(client, CONFIG_MAPS, namespace, fields=fields, listener=listener, pulse=pulse)

    async def run(self) -> None:
        """Watch the catalogue and ask CAS servers until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reflector.run(), name="catalogue of ENTs")
            group.create_task(self._read_catalogue(), name="certificates of ENTs")
            group.create_task(self._servers.run(), name="CAS servers")

    async def __call__(self, key: Key) -> float | None:
        """One pass over a delegation."""
        return await self._work(key)

    def observe(self, event: str | None, body: dict[str, Any]) -> None:
        """A delegation was listed or changed."""
        metadata = body["metadata"]
        key = delegation_key(metadata["namespace"], metadata["name"])
        if event == "DELETED":
            self.forget(key, int(metadata["resourceVersion"]))
        elif self._store.put(key, body):
            self._concerned(self._delegations.put(body))
            self._mark(key)

    def forget(self, key: Key, version: int | None = None) -> None:
        """A delegation is gone; with `version`, unless a newer one of that name is known."""
        if self._store.remove(key, version=version):
            self._unmark(key)
            self._work.forget(key)
            self._concerned(self._delegations.remove(key))

    def can_tell(self, publication: Key) -> bool:
        """Whether what the delegations of a publication come to is known: the catalogue was read, or none needs it."""
        return self._delegations.can_tell(publication)

    async def documents(self, publication: Key, in_force: Site | None) -> list[dict[str, Any]]:
        """The member `delegations` of the site document that is wanted of a publication. Ask `can_tell` first.

        Args:
            in_force: the site document in force, or the last one made; None when there is none.
        Raises:
            ApiError: the API server refused to give certificates.
            CertifierError: they could not be judged.
        """
        return documents(await self._delegations.resolve(publication, delegations_of(in_force).values()))

    def tell(self, publication: Key, told: Told | None) -> None:
        """Say what a pass over a publication came to; None: it is gone."""
        if self._delegations.tell(publication, told):
            self._mark_all(self._delegations.keys_of(publication))

    @property
    def reachable(self) -> dict[str, bool]:
        """Whether the CAS servers of ENTs in use answer, by ENT of the catalogue."""
        return self._servers.by_ent()

    @property
    def own_unreachable(self) -> int:
        """How many other CAS servers do not answer."""
        return self._servers.own_unreachable()

    def _concerned(self, publications: Iterable[Key]) -> None:
        """The delegations of these publications changed: so may their documents, and who holds which Espace."""
        for publication in publications:
            self._mark(publication)
            self._mark_all(self._delegations.keys_of(publication))

    def _mark_all(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._mark(key)

    async def _read_catalogue(self) -> None:
        """Read the newest catalogue that was seen; one that comes while certificates are judged is read after it."""
        while True:
            await self._catalogue_news.wait()
            self._catalogue_news.clear()
            try:
                self._concerned(await self._delegations.read_catalogue(self._catalogue))
            except CertifierError as error:
                logger.warning("The catalogue of ENTs cannot be judged: %s; again in %g s.", error, RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
                self._catalogue_news.set()

    def _catalogue_seen(self, _: Kind, configmap: Mapping[str, Any]) -> None:
        self._catalogue = configmap
        self._catalogue_news.set()

    def _catalogue_gone(self, _: Kind, __: str, ___: str) -> None:
        self._catalogue = None
        self._catalogue_news.set()

    def _catalogue_listed(self, _: Kind, __: str | None) -> None:
        if not self._delegations.catalogue_known:
            # One that was in the list is kept already; when there was none, that is the news.
            self._catalogue_news.set()
