"""Everything about publications in one place: what is watched, who wants a pass, and what bases mean to them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from pronote_operator.api.publication import PublicationSpec
from pronote_operator.builders.context import BuilderOptions
from pronote_operator.builders.endpoints import HostTemplateError
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.reflector import Reflector
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.children import Repaired
from pronote_operator.handlers.claims import Claims
from pronote_operator.handlers.delegation_desk import DelegationDesk
from pronote_operator.handlers.former_bases import FormerBases
from pronote_operator.handlers.keys import Key, base_key, publication_key
from pronote_operator.handlers.publication import PublicationReconciler
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.routes import Routes
from pronote_operator.handlers.served_bases import ServedBases
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.exposure import has_own_host, host_of
from pronote_operator.planning.publication_claims import Claim


class PublicationDesk:
    """Reconciles publications.

    Args:
        reflect: makes the reflector of HTTPRoutes in one namespace (None: all).
        served: namespaces that the operator serves.
        mark: called with what wants a pass; not every one of them need exist.
        mark_gone: called with a publication that is gone and wants one more pass all the same.
        unmark: called with one that is gone.
        clock: the present, aware.
    """

    def __init__(
        self,
        *,
        client: KubeClient,
        store: ObjectStore,
        book: ChildBook,
        reporter: Reporter,
        agents: Agents,
        delegations: DelegationDesk,
        options: BuilderOptions,
        reflect: Callable[[str | None], Reflector],
        served: Iterable[str | None],
        mark: Callable[[Key], None],
        mark_gone: Callable[[Key], None],
        unmark: Callable[[Key], None],
        on_repair: Repaired,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._book = book
        self._delegations = delegations
        self._options = options
        self._mark = mark
        self._unmark = unmark
        self._claims = Claims()
        self._bases = ServedBases(book, published=lambda base: bool(self._of(base)), changed=self._mark_those_of)
        self._former = FormerBases(
            store=store, book=book, bases=self._bases, agents=agents, mark_gone=mark_gone, clock=clock
        )
        self._routes = Routes(client, book, reflect=reflect, served=served)
        self._work = PublicationReconciler(
            client=client,
            store=store,
            book=book,
            reporter=reporter,
            agents=agents,
            delegations=delegations,
            claims=self._claims,
            bases=self._bases,
            former=self._former,
            routes=self._routes,
            options=options,
            on_repair=on_repair,
            clock=clock,
        )

    async def start_in(self, group: asyncio.TaskGroup) -> None:
        """Where streams live."""
        await self._routes.start_in(group)

    async def __call__(self, key: Key) -> float | None:
        """One pass over a publication."""
        return await self._work(key)

    def observe(self, event: str | None, body: dict[str, Any]) -> None:
        """A publication was listed or changed."""
        metadata = body["metadata"]
        key = publication_key(metadata["namespace"], metadata["name"])
        if event == "DELETED":
            self.forget(key, int(metadata["resourceVersion"]))
        elif self._store.put(key, body):
            self._mark(key)
            self._claim(key)
            if metadata.get("deletionTimestamp"):
                self._former.leave(key)  # its children may go before it does

    def forget(self, key: Key, version: int | None = None) -> None:
        """A publication is gone; with `version`, unless a newer one of that name is known."""
        if self._store.remove(key, version=version):
            self._unmark(key)
            self._former.leave(key)
            self._book.forget(key)
            self._work.forget(key)
            self._delegations.tell(key, None)
            self._claim(key)

    def base_seen(self, base: Key) -> None:
        """A base was listed, changed, or is gone: it may be one that a publication waits for."""
        if base not in self._store:
            self._bases.forget(base)
        for key in self._of(base):
            self._claim(key)
            self._mark(key)

    def base_passed(self, base: Key) -> None:
        """A pass over a base ended."""
        if base in self._store:
            self._bases.note(base)

    def _of(self, base: Key) -> set[Key]:
        return self._claims.of_base(base.namespace, base.name)

    def _claim(self, key: Key) -> None:
        for other in self._claims.put(key, self._claim_of(key)):
            self._mark(other)

    def _claim_of(self, key: Key) -> Claim | None:
        body = self._store.get(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None
        metadata, spec = body["metadata"], PublicationSpec.model_validate(body["spec"])
        base = self._store.get(base_key(key.namespace, spec.base))
        uai = str(base["spec"]["uai"]) if base is not None else None
        return Claim(
            created=metadata["creationTimestamp"],
            uid=metadata["uid"],
            namespace=key.namespace,
            name=key.name,
            base=spec.base,
            address=self._address(key, spec, uai),
        )

    def _address(self, key: Key, spec: PublicationSpec, uai: str | None) -> tuple[str, str] | None:
        if not has_own_host(spec) or (spec.host is None and uai is None):
            return None
        template = self._options.publication_host_template
        try:
            host = host_of(spec, template=template, name=key.name, namespace=key.namespace, uai=uai or "")
        except HostTemplateError:
            return None  # its pass says so
        return host, spec.path

    def _mark_those_of(self, base: Key) -> None:
        for key in self._of(base):
            self._mark(key)
