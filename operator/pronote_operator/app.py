"""One operator, put together: what listens, what is remembered, what works. Built anew for each term as leader."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

import aiohttp
import kopf
from kubernetes.aio import client as kube

from pronote_operator.api.constants import FIELD_MANAGER, LABEL_BASE, LABEL_MANAGED_BY
from pronote_operator.builders.context import BuilderOptions
from pronote_operator.builders.endpoints import check_host_template
from pronote_operator.certification.certifier import Certifier
from pronote_operator.cluster.agent import agent_session
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.events import EventRecorder
from pronote_operator.cluster.kinds import (
    BASES,
    CHANNELS,
    CHILD_KINDS,
    DELEGATIONS,
    HTTP_ROUTES,
    POLICIES,
    PUBLICATIONS,
    SECRETS,
    WEB_KINDS,
    Kind,
)
from pronote_operator.cluster.pulse import Pulse
from pronote_operator.cluster.queue import KeyedQueue
from pronote_operator.cluster.reflector import Listener, Reflector
from pronote_operator.cluster.rights import SecretRights
from pronote_operator.cluster.transport import kopf_credentials
from pronote_operator.errors import ApiError
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.base import BaseReconciler
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.channel import SETTLE_SECONDS, ChannelReconciler
from pronote_operator.handlers.delegation_desk import DelegationDesk
from pronote_operator.handlers.fleet import Fleet
from pronote_operator.handlers.keys import Key, channel_key, policy_key
from pronote_operator.handlers.namespaces import Namespaces
from pronote_operator.handlers.new_years import NewYears
from pronote_operator.handlers.policy import SETTLE_SECONDS as POLICY_SETTLE_SECONDS
from pronote_operator.handlers.policy import PolicyReconciler
from pronote_operator.handlers.publication_desk import PublicationDesk
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.rolling import Rolling
from pronote_operator.handlers.rollouts import Rollouts
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.snapshots import SnapshotDesk
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.handlers.streams import framework_settings, registry
from pronote_operator.memory import give_back_memory
from pronote_operator.metrics import Metrics, Snapshot
from pronote_operator.settings import Settings

logger = logging.getLogger(__name__)

BURST_PASSES = 500
TRIM_SECONDS = 10.0
"""So many passes may leave memory free that is not given back, which is done so long after the queue was empty."""
SELECTOR = f"{LABEL_MANAGED_BY}={FIELD_MANAGER},{LABEL_BASE}"


def now() -> dt.datetime:
    """The present."""
    return dt.datetime.now(dt.UTC)


class Operator:
    """The work of the leader.

    Args:
        configuration: how the API server is reached; `client` uses it too.
        namespace: the operator's own.
        identity: this replica, for Events.
        claim_signals: called once Kopf runs: it takes the process's stop signals, and its own stop takes seconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        configuration: kube.Configuration,
        client: KubeClient,
        metrics: Metrics,
        namespace: str,
        identity: str,
        claim_signals: Callable[[], None],
    ) -> None:
        check_host_template(settings.client_host_template)
        check_host_template(settings.publication_host_template)
        self._settings = settings
        self._served: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self._configuration = configuration
        self._client = client
        self._metrics = metrics
        self._claim_signals = claim_signals
        self.pulse = Pulse()
        self.synced = False
        self._store = ObjectStore()
        self._shared = Shared()
        self.queue: KeyedQueue[Key] = KeyedQueue(self._work, workers=settings.workers, on_done=self._done)
        self._book = ChildBook(self._mark_known)
        self._fleet = Fleet(
            on_change=self._channel_news,
            on_covered=lambda name: self.queue.mark_after(policy_key(name), POLICY_SETTLE_SECONDS),
        )
        self._agent_session = agent_session()
        self._certifier = Certifier()
        self._reporter = Reporter(client, self._store, EventRecorder(client, instance=identity))
        self._listener = Listener(seen=self._book.seen, gone=self._book.gone, synced=self._listed)
        self._namespaces = Namespaces(
            rights=SecretRights(client, role=settings.role_for_secrets, account=(namespace, settings.service_account)),
            reflect=self._secret_reflector,
            book=self._book,
        )
        agents = Agents(client, self._agent_session, self._book)
        self._snapshots = SnapshotDesk(
            agents=agents,
            store=self._store,
            shared=self._shared,
            reporter=self._reporter,
            mark=self.queue.mark,
            ready=lambda: self.synced,
            count=self._metrics.snapshot,
            clock=now,
        )
        self._rollouts = Rollouts(shared=self._shared, mark=self._mark_known, on_change=self._channel_news, clock=now)
        self._new_years = NewYears(agents, mark=self._mark_known, refused=self._year_refused)
        self._rolling = Rolling(
            client=client,
            store=self._store,
            shared=self._shared,
            agents=agents,
            snapshots=self._snapshots,
            rollouts=self._rollouts,
            new_years=self._new_years,
            ended=self._metrics.rolled,
        )
        options = BuilderOptions(
            operator_image=settings.image,
            image_pull_policy=settings.image_pull_policy,
            client_host_template=settings.client_host_template,
            client_service_type=settings.client_service_type,
            publication_host_template=settings.publication_host_template,
            trusted_proxies=settings.trusted_proxies,
            trusted_proxy_hops=settings.trusted_proxy_hops,
            operator_namespace=namespace,
        )
        self._bases = BaseReconciler(
            client=client,
            store=self._store,
            shared=self._shared,
            book=self._book,
            fleet=self._fleet,
            on_repair=self._repaired,
            reporter=self._reporter,
            agents=agents,
            snapshots=self._snapshots,
            certifier=self._certifier,
            rolling=self._rolling,
            max_concurrent_restores=settings.max_concurrent_restores,
            options=options,
            prepare_namespace=self._namespaces.prepare,
            clock=now,
        )
        self._delegations = DelegationDesk(
            client=client,
            store=self._store,
            reporter=self._reporter,
            pulse=self.pulse,
            certifier=self._certifier,
            namespace=namespace,
            catalogue=settings.ent_catalogue,
            mark=self._mark_known,
            unmark=self.queue.forget,
            clock=now,
        )
        self._publications = PublicationDesk(
            client=client,
            store=self._store,
            book=self._book,
            reporter=self._reporter,
            agents=agents,
            delegations=self._delegations,
            options=options,
            reflect=lambda namespace: self._reflector(HTTP_ROUTES, namespace),
            served=self._served,
            mark=self._mark_known,
            mark_gone=self.queue.mark,
            unmark=self.queue.forget,
            on_repair=self._repaired,
            clock=now,
        )
        self._channels = ChannelReconciler(
            store=self._store,
            shared=self._shared,
            fleet=self._fleet,
            rollouts=self._rollouts,
            reporter=self._reporter,
            whole_fleet=not settings.watch_namespaces,
            clock=now,
        )
        self._policies = PolicyReconciler(
            store=self._store,
            shared=self._shared,
            fleet=self._fleet,
            reporter=self._reporter,
            whole_fleet=not settings.watch_namespaces,
            clock=now,
        )
        self._sweep_due = asyncio.Event()
        self._failed_at_first: set[Key] = set()
        self._passes_since_trim = 0
        self._trim: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Work until cancelled or until a part fails: a part that fails ends the whole, which is then started anew."""
        async with self._agent_session, self._certifier, asyncio.TaskGroup() as group:
            self._namespaces.start_in(group)
            await self._first_list()
            for kind in (*CHILD_KINDS, *WEB_KINDS):
                for namespace in self._served:
                    group.create_task(self._reflector(kind, namespace).run(), name=f"reflector {kind.plural}")
            await self._publications.start_in(group)
            group.create_task(self.queue.run(), name="queue")
            group.create_task(self._sweeps(), name="sweeps")
            group.create_task(self._snapshots.run(), name="snapshots")
            group.create_task(self._new_years.run(), name="new years")
            group.create_task(self._delegations.run(), name="delegations")
            group.create_task(self._framework(), name="kopf")
            for key in self._store:
                self.queue.mark(key)
            self._complete_if_all_known()

    def snapshot(self) -> Snapshot:
        """Figures for the metrics."""
        members = self._fleet.members()
        return Snapshot(
            leading=True,
            depth=self.queue.depth,
            delayed=self.queue.delayed,
            running=self.queue.running,
            failing=self.queue.failing,
            deaf=len(self.deaf()),
            streams=len(self.pulse),
            bases={
                "ready": sum(1 for m in members if m.ready),
                "not_ready": sum(1 for m in members if not m.ready and not m.stalled),
                "stalled": sum(1 for m in members if m.stalled),
                "serving": sum(1 for m in members if m.in_service),
            },
            watch_restarts=sum(self.pulse.restarts.values()),
            snapshots_running=self._snapshots.running,
            cas_reachable=self._delegations.reachable,
            cas_own_unreachable=self._delegations.own_unreachable,
            rollouts=self._rollouts.figures(),
        )

    def deaf(self) -> dict[str, float]:
        """Streams without a sign of life, with their silence in seconds."""
        return self.pulse.deaf(self._settings.deaf_after_seconds)

    async def _work(self, key: Key) -> float | None:
        if key.kind == BASES.kind:
            again = await self._bases(key)
            self._publications.base_passed(key)
            return again
        if key.kind == PUBLICATIONS.kind:
            return await self._publications(key)
        if key.kind == DELEGATIONS.kind:
            return await self._delegations(key)
        return await (self._policies(key) if key.kind == POLICIES.kind else self._channels(key))

    def _done(self, key: Key, seconds: float, failed: bool) -> None:
        self._metrics.reconciled(key.kind, seconds, failed=failed)
        if failed and not self.synced:
            self._failed_at_first.add(key)
        self._complete_if_all_known()
        self._passes_since_trim += 1
        if self._passes_since_trim >= BURST_PASSES and not self.queue.depth and self._trim is None:
            self._trim = asyncio.get_running_loop().call_later(TRIM_SECONDS, self._give_back)

    def _give_back(self) -> None:
        """After a burst of passes: what they needed goes back to the machine."""
        self._trim, self._passes_since_trim = None, 0
        give_back_memory()

    async def _repaired(self, key: Key, kind: str, name: str, paths: list[str]) -> None:
        self._metrics.repaired(kind)
        await self._reporter.repaired(key, kind, name, paths)

    async def _year_refused(self, key: Key, year: int, reason: str, message: str) -> None:
        note = f"The empty base of {year} could not be prepared: {reason}: {message}"
        await self._reporter.event(key, warning=True, reason="NewBaseFailed", action="Prepare", note=note)

    def _channel_news(self, name: str) -> None:
        self.queue.mark_after(channel_key(name), SETTLE_SECONDS)

    def _mark_known(self, key: Key) -> None:
        if key in self._store:
            self.queue.mark(key)

    def _reflector(self, kind: Kind, namespace: str | None) -> Reflector:
        return Reflector(self._client, kind, namespace, selector=SELECTOR, listener=self._listener, pulse=self.pulse)

    def _secret_reflector(self, namespace: str) -> Reflector:
        return self._reflector(SECRETS, namespace)

    def _listed(self, kind: Kind, namespace: str | None) -> None:
        self._book.listed(kind, namespace)
        concerned = {PUBLICATIONS.kind} if kind in (*WEB_KINDS, HTTP_ROUTES) else {PUBLICATIONS.kind, BASES.kind}
        if kind is not SECRETS:
            for key in self._store:
                if key.kind in concerned and namespace in (None, key.namespace):
                    self.queue.mark(key)

    async def _first_list(self) -> None:
        """Know all of ours before the first pass: what a turn is given for depends on everybody."""
        for kind in (CHANNELS, POLICIES):
            async for page in self._client.pages(kind, None):
                for item in page["items"]:
                    self._observers()[kind.plural](None, item)
        for namespace in self._served:
            async for page in self._client.pages(BASES, namespace):
                for item in page["items"]:
                    self._store.put(_key_of(BASES, item), item)
            async for page in self._client.pages(PUBLICATIONS, namespace):
                for item in page["items"]:
                    self._publications.observe(None, item)
            async for page in self._client.pages(DELEGATIONS, namespace):
                for item in page["items"]:
                    self._delegations.observe(None, item)
        in_use = {key.namespace for key in self._base_keys()}
        await self._namespaces.release_unused(in_use)

    def _complete_if_all_known(self) -> None:
        """Once every base had a pass, rolls may begin: who is in flight is known."""
        if self.synced:
            return
        if len(self._fleet) + len(self._failed_at_first) < self._store.count(BASES.kind):
            return  # cheap, and mostly true until the end
        # A base whose pass fails must not hold up all others: it is tried again, and known once that succeeds.
        if any(key not in self._fleet and key not in self._failed_at_first for key in self._base_keys()):
            return
        self._fleet.complete = self._rollouts.complete = self.synced = True
        logger.info("Every base had its first pass: %d bases.", len(self._fleet))
        give_back_memory()
        self._snapshots.wake()
        for key in self._store:
            if key.kind in (CHANNELS.kind, POLICIES.kind):
                self.queue.mark(key)

    async def _framework(self) -> None:
        async def login() -> kopf.AiohttpSession:
            return kopf_credentials(
                self._configuration,
                pulse=self.pulse,
                meter=self._metrics.request,
                limit=self._settings.max_api_connections,
                on_reopened=self._sweep_due.set,
            )

        async def claim_signals() -> None:
            await ready.wait()
            self._claim_signals()

        ready = asyncio.Event()
        claim = asyncio.create_task(claim_signals(), name="signals")
        namespaces = self._settings.watch_namespaces
        await kopf.operator(
            registry=registry(self._observers(), login),
            settings=framework_settings(self._settings),
            standalone=True,
            ready_flag=ready,
            clusterwide=not namespaces,
            namespaces=namespaces,
        )
        claim.cancel()
        raise RuntimeError("Kopf stopped by itself")

    def _observers(self) -> dict[str, Any]:
        return {
            BASES.plural: self._on_base,
            PUBLICATIONS.plural: self._publications.observe,
            DELEGATIONS.plural: self._delegations.observe,
            CHANNELS.plural: self._on_channel,
            POLICIES.plural: self._on_policy,
        }

    def _on_base(self, event: str | None, body: dict[str, Any]) -> None:
        key = _key_of(BASES, body)
        if event == "DELETED":
            self._forget(key, int(body["metadata"]["resourceVersion"]))
        elif self._store.put(key, body):
            self.queue.mark(key)
            if event == "ADDED" or body["metadata"].get("deletionTimestamp"):
                self._publications.base_seen(key)

    def _forget(self, key: Key, version: int | None = None) -> None:
        if self._store.remove(key, version=version):
            self.queue.forget(key)
            self._book.forget(key)
            self._fleet.remove(key)
            self._snapshots.forget(key)
            self._rolling.forget(key)
            self._publications.base_seen(key)
            if not any(other.namespace == key.namespace for other in self._base_keys()):
                self._namespaces.unused(key.namespace)

    def _on_channel(self, event: str | None, body: dict[str, Any]) -> None:
        key = _key_of(CHANNELS, body)
        if event == "DELETED":
            self._store.remove(key)
            self.queue.forget(key)
            self._shared.remove_channel(key.name)
            self._mark_bases()
        elif self._store.put(key, body):
            if self._shared.put_channel(body):
                self._rollouts.channel_changed(key.name, self._base_keys())
                self._mark_bases()
            self.queue.mark(key)

    def _on_policy(self, event: str | None, body: dict[str, Any]) -> None:
        key = _key_of(POLICIES, body)
        if event == "DELETED":
            self._store.remove(key)
            self.queue.forget(key)
            self._shared.remove_policy(key.name)
            self._mark_bases()
        elif self._store.put(key, body):
            if self._shared.put_policy(body):
                self._mark_bases()
            self.queue.mark(key)

    def _base_keys(self) -> list[Key]:
        return [key for key in self._store if key.kind == BASES.kind]

    def _mark_bases(self) -> None:
        self.queue.mark_with_all(self._base_keys())

    async def _sweeps(self) -> None:
        """Forget what was deleted while its watch was cut off: a list that Kopf repeats tells of none."""
        while True:
            await self._sweep_due.wait()
            await asyncio.sleep(1)
            self._sweep_due.clear()
            try:
                await self._sweep(BASES, self._forget)
                await self._sweep(PUBLICATIONS, self._publications.forget)
                await self._sweep(DELEGATIONS, self._delegations.forget)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                logger.warning("The sweep for deleted objects failed (%s); again in 10 s.", error)
                await asyncio.sleep(10)
                self._sweep_due.set()

    async def _sweep(self, kind: Kind, forget: Callable[[Key], None]) -> None:
        # What is made while the list is taken is not in it, and was not known before it.
        known = [key for key in self._store if key.kind == kind.kind]
        there: set[Key] = set()
        for namespace in self._served:
            async for page in self._client.pages(kind, namespace, metadata_only=True):
                there.update(_key_of(kind, item) for item in page["items"])
        for key in known:
            if key not in there:
                logger.info("%s was deleted while its watch was cut off.", key)
                forget(key)


def _key_of(kind: Kind, body: dict[str, Any]) -> Key:
    metadata = body["metadata"]
    return Key(kind.kind, metadata.get("namespace", ""), metadata["name"])
