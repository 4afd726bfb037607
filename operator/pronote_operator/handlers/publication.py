"""One pass over a Publication: fetch, decide, apply, report. May be killed anywhere and run again."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pronote_operator.api.constants import APPLY_REFUSED
from pronote_operator.api.publication import Publication
from pronote_operator.builders.context import BuilderOptions, Release
from pronote_operator.builders.endpoints import HostTemplateError
from pronote_operator.builders.names import Names
from pronote_operator.builders.webcontext import WebContext
from pronote_operator.builders.webpods import web_budget, web_deployment
from pronote_operator.builders.webroutes import http_route, ingress, web_policy, web_service
from pronote_operator.cluster.agent import AgentError
from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import SECRETS
from pronote_operator.errors import ApiError, ReferenceMissing, Unusable
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.children import Children, NotYet, Repaired, Wanted
from pronote_operator.handlers.claims import Claims
from pronote_operator.handlers.delegation_desk import DelegationDesk
from pronote_operator.handlers.former_bases import RETRY_SECONDS, FormerBases, Untold, wanted_site
from pronote_operator.handlers.keys import Key, base_key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.routes import Routes
from pronote_operator.handlers.served_bases import ServedBases
from pronote_operator.handlers.site import Brought, bring_in_force
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.backoff import pause_after
from pronote_operator.planning.base_status import Verdict
from pronote_operator.planning.delegation_status import Told
from pronote_operator.planning.exposure import host_of, shared_address, url_of
from pronote_operator.planning.facts import StatefulSetFacts
from pronote_operator.planning.publication_claims import stands_back
from pronote_operator.planning.publication_site import revised, same_content, site_document
from pronote_operator.planning.publication_status import (
    BASE_CHANGING,
    PublicationFound,
    former_replicas,
    publication_status,
)
from pronote_operator.planning.site_order import Site
from pronote_operator.planning.web_facts import (
    Obstacle,
    deployment_facts,
    ingress_facts,
    route_facts,
    service_facts,
    site_in,
)

logger = logging.getLogger(__name__)

WAIT_SECONDS = 2.0
CATALOGUE_SECONDS = 1.0
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0
"""How soon an agent is asked again that did not answer; also how soon it is looked for what nobody watches for us."""
STALLED_SECONDS = 60.0


class _Later(Exception):  # noqa: N818 - not an error
    """Nothing can be said yet: the pass comes again in so many seconds, and the status stays as it is."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass
class _Pass:
    """What one pass gathers."""

    publication: Publication
    key: Key
    children: Children
    now: dt.datetime
    found: PublicationFound = field(default_factory=PublicationFound)
    site: Brought | None = None
    untold: list[Untold] = field(default_factory=list)
    next_pass: float | None = None

    def finds(self, **found: Any) -> None:
        self.found = replace(self.found, **found)

    def notes(self, said: str) -> None:
        self.finds(notes=(*self.found.notes, said))

    def again(self, seconds: float) -> None:
        self.next_pass = seconds if self.next_pass is None else min(self.next_pass, seconds)


class PublicationReconciler:
    """Reconciles publications.

    Args:
        claims: who asks for what; kept up to date by whoever watches.
        bases: what the passes over bases came to.
        former: tells bases that are published no more.
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
        claims: Claims,
        bases: ServedBases,
        former: FormerBases,
        routes: Routes,
        options: BuilderOptions,
        on_repair: Repaired,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._client = client
        self._store = store
        self._book = book
        self._reporter = reporter
        self._agents = agents
        self._delegations = delegations
        self._claims = claims
        self._bases = bases
        self._former = former
        self._routes = routes
        self._options = options
        self._on_repair = on_repair
        self._clock = clock
        self._confirmed: dict[Key, tuple[Site, int]] = {}
        """What a server said is in force, and how often its base had changed by then."""
        self._failures: dict[Key, int] = {}

    def forget(self, key: Key) -> None:
        """A publication is gone."""
        self._confirmed.pop(key, None)
        self._failures.pop(key, None)

    async def __call__(self, key: Key) -> float | None:
        """One pass; returns seconds until the next one that time alone makes necessary.

        A publication that is gone has one too, if it left a base to be told.
        """
        left = await self._former.tell_left(key)
        again = await self._pass(key)
        return again if left is None else left if again is None else min(left, again)

    async def _pass(self, key: Key) -> float | None:
        body = self._store.get(key)
        if body is None or body["metadata"].get("deletionTimestamp") or self._book.ends(key):
            return None
        if not self._book.knows_web(key.namespace):
            return WAIT_SECONDS
        publication = Publication.model_validate(body)
        children = Children(
            self._client, self._book, owner=key, uid=publication.metadata.uid, on_repair=self._on_repair
        )
        work = _Pass(publication, key, children, self._clock())
        try:
            await self._converge(work)
        except _Later as later:
            return later.seconds
        except Unusable as problem:
            work.finds(stalled=Verdict(problem.reason, problem.message))
            work.again(STALLED_SECONDS)
        except ReferenceMissing as missing:
            work.finds(missing=str(missing))
        except NotYet as waiting:
            work.finds(waiting=Obstacle("Progressing", str(waiting)))
            work.again(WAIT_SECONDS)
        except ApiError as error:
            if error.namespace_ends:
                self._book.end(key)
                return None
            if error.status not in (400, 403, 422):
                raise
            work.finds(stalled=Verdict(APPLY_REFUSED, f"The API server refused a child: {error.message}"))
            work.again(LAST_RETRY_SECONDS)
        await self._report(work)
        if key not in self._store:
            self._former.leave(key)
            self._book.forget(key)
            self.forget(key)
        return work.next_pass

    async def _converge(self, work: _Pass) -> None:
        publication, key = work.publication, work.key
        await self._withdraw_former(work)
        await self._refuse_younger(work)
        base = self._base(work)
        facts = self._bases.facts(base)
        if facts is None or not facts.image or not facts.version:
            work.finds(waiting=Obstacle("BaseNotReady", f"PronoteBase {base.name} is not in service yet"))
            return
        if facts.replicas > 0 and not facts.net:
            raise Unusable(
                "ServerTooOld",
                f"spec.base: the server of PronoteBase {base.name} was started by an earlier operator and has no port "
                "for PRONOTE.net: set spec.inService of the base to false and to true again, once, or wait for its "
                "next release",
            )
        if not self._delegations.can_tell(key):
            raise _Later(CATALOGUE_SECONDS)
        written: Site | None = await work.children.peek("ConfigMap", Names(base.name).site, site_in)
        known, _ = self._confirmed.get(key, (written, 0))
        delegations = await self._delegations.documents(key, known)
        ctx = self._context(work, facts, delegated=bool(delegations))
        url = url_of(publication.spec, ctx.host, work.children.known("Service", ctx.names.web))
        work.finds(url=url)
        if held := [str(one) for one in work.untold if one.holds]:
            work.finds(site=Obstacle(BASE_CHANGING, "; ".join(held)))
            return
        for one in work.untold:
            work.notes(str(one))
        await self._bring_site(work, ctx, facts, site_document(publication, url, delegations), written)
        await self._bring_children(work, ctx)

    async def _withdraw_former(self, work: _Pass) -> None:
        publication = work.publication
        stands_back = self._claims.rival(work.key) is not None

        async def tell_of_change(former: str) -> None:
            message = f"PronoteBase {former} is stopped first, which was published before"
            work.finds(site=Obstacle(BASE_CHANGING, message))
            await self._report(work)
            work.finds(site=None)

        work.untold = await self._former.withdraw(
            publication,
            work.key,
            work.children,
            keep=None if stands_back else publication.spec.base,
            on_change=None if stands_back else tell_of_change,
        )
        if work.untold:
            work.again(RETRY_SECONDS)

    async def _refuse_younger(self, work: _Pass) -> None:
        claim, elder = self._claims.get(work.key), self._claims.rival(work.key)
        if claim is None or elder is None:
            return
        await work.children.keep_only({one.child for one in work.untold})
        logger.info("%s stands back for %s/%s.", work.key, elder.namespace, elder.name)
        raise stands_back(claim, elder)

    def _base(self, work: _Pass) -> Key:
        base = base_key(work.key.namespace, work.publication.spec.base)
        body = self._store.get(base)
        if body is None or body["metadata"].get("deletionTimestamp"):
            raise ReferenceMissing(f"spec.base: there is no PronoteBase {base.name} in this namespace")
        if not self._bases.passed(base):
            raise _Later(WAIT_SECONDS)
        return base

    def _context(self, work: _Pass, facts: StatefulSetFacts, *, delegated: bool) -> WebContext:
        assert facts.version and facts.image, "looked at before"  # noqa: PT018
        publication = work.publication
        base = self._store.get(base_key(work.key.namespace, publication.spec.base)) or {}
        try:
            host = host_of(
                publication.spec,
                template=self._options.publication_host_template,
                name=publication.metadata.name,
                namespace=publication.metadata.namespace,
                uai=str(base.get("spec", {}).get("uai", "")),
            )
        except HostTemplateError as error:
            raise Unusable("InvalidHost", str(error)) from error
        return WebContext(publication, self._options, Release(facts.version, facts.image), host, delegated)

    async def _bring_site(
        self, work: _Pass, ctx: WebContext, facts: StatefulSetFacts, wanted: Site, written: Site | None
    ) -> None:
        """Have the site document in force, in the ConfigMap first; a stopped server finds it there when it starts."""
        changes = self._bases.changes(base_key(ctx.namespace, ctx.base))

        async def write(document: dict[str, Any]) -> None:
            await work.children.bring(wanted_site(work.publication, ctx.base, document))

        if facts.replicas == 0:
            self._confirmed.pop(work.key, None)
            document = written if same_content(wanted, written) else revised(wanted, written, _milliseconds(work.now))
            assert document is not None, "made when there was none"
            await write(dict(document))
            work.finds(out_of_service=True)
            work.site = Brought(None, "The base is out of service")
            return
        confirmed, then = self._confirmed.get(work.key, (None, -1))
        if confirmed is not None and then == changes and confirmed == written and same_content(wanted, confirmed):
            work.site = Brought(confirmed)
        else:
            work.site = await self._push(work, ctx, wanted, written, write)
        if work.site.waiting is None and work.site.in_force is not None:
            self._failures.pop(work.key, None)
            self._confirmed[work.key] = (work.site.in_force, changes)
            await write(dict(work.site.in_force))
            work.finds(in_force=work.site.in_force)
            return
        self._confirmed.pop(work.key, None)
        count = self._failures[work.key] = self._failures.get(work.key, 0) + 1
        work.again(pause_after(count, first=FIRST_RETRY_SECONDS, last=LAST_RETRY_SECONDS))
        reason = "DelegationChanging" if work.site.changing else "NotInForce" if facts.ready else "BaseNotReady"
        message = work.site.waiting or "The server has nothing in force"
        work.finds(in_force=work.site.in_force, site=Obstacle(reason, message))

    async def _push(
        self, work: _Pass, ctx: WebContext, wanted: Site, written: Site | None, write: Callable[[dict[str, Any]], Any]
    ) -> Brought:
        try:
            agent = await self._agents.of(base_key(ctx.namespace, ctx.base))
        except AgentError as error:
            return Brought(None, error.message)

        async def tell_of_change(in_force: Site | None) -> None:
            message = "The publication is stopped, changed and published again, because a delegation changes"
            work.finds(in_force=in_force, site=Obstacle("DelegationChanging", message))
            await self._report(work)
            work.finds(site=None)

        return await bring_in_force(
            wanted,
            written=written,
            agent=agent,
            write=write,
            milliseconds=lambda: _milliseconds(self._clock()),
            on_change=tell_of_change,
        )

    async def _bring_children(self, work: _Pass, ctx: WebContext) -> None:
        before = await work.children.peek("Deployment", ctx.names.web, deployment_facts)
        wanted = [*_simple_children(ctx), *await self._routed(work, ctx)]
        results = await asyncio.gather(*(work.children.bring(one) for one in wanted), return_exceptions=True)
        facts = {}
        for one, result in zip(wanted, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            facts[one.kind] = result
        work.finds(deployment=facts["Deployment"])
        if work.found.site is None:
            shown = (self._store.get(work.key) or {}).get("status") or {}
            work.finds(site=former_replicas(ctx.base, before, facts["Deployment"], shown.get("conditions") or ()))
        if url_of(work.publication.spec, ctx.host, facts["Service"]) != work.found.url:
            work.again(0)  # the API server has just given the Service its port
        kept = {("ConfigMap", ctx.base_names.site), *(one.child for one in work.untold)}
        await work.children.keep_only({(one.kind, one.name) for one in wanted} | kept)
        for kind in ("HTTPRoute", "Ingress"):
            if (route := facts.get(kind)) is not None:
                if route.refused is not None:
                    work.finds(route=route.refused)
                elif not route.confirmed:
                    work.notes(f"no controller has given {kind} {ctx.names.web} an address, which some never do")
        if shared := shared_address(work.publication.spec, trusts_proxies=bool(self._options.trusted_proxies)):
            work.notes(shared)
        if ctx.service.type == "LoadBalancer" and facts["Service"].balancer is None:
            work.finds(route=Obstacle("AddressPending", f"Service {ctx.names.web} has no address yet"))

    async def _routed(self, work: _Pass, ctx: WebContext) -> list[Wanted]:
        if (route := http_route(ctx)) is not None:
            if await self._routes.there():
                return [_wanted(route, route_facts)]
            work.again(LAST_RETRY_SECONDS)
            message = (
                "spec.exposure.httpRoute: the cluster has no HTTPRoutes (gateway.networking.k8s.io/v1); install them"
            )
            work.finds(route=Obstacle("GatewayApiMissing", message))
        if (wanted := ingress(ctx)) is not None:
            await self._check_certificate(work, ctx)
            return [_wanted(wanted, ingress_facts)]
        return []

    async def _check_certificate(self, work: _Pass, ctx: WebContext) -> None:
        name = ctx.ingress.tls_secret_name if ctx.ingress is not None else None
        if name is None or await self._client.get(SECRETS, ctx.namespace, name) is not None:
            return
        work.again(LAST_RETRY_SECONDS)
        message = f"spec.exposure.ingress.tlsSecretName: there is no Secret {name} in this namespace"
        work.finds(route=Obstacle("TlsSecretNotFound", message))

    async def _report(self, work: _Pass) -> None:
        publication, found = work.publication, work.found
        if (latest := self._store.get(work.key)) is not None:
            # This pass may have reported before: what it wrote then is what the times of the conditions follow from.
            status_now = Publication.model_validate(latest).status
            publication = publication.model_copy(update={"status": status_now})
        status = publication_status(publication, found, work.now)
        waits = found.waiting is not None or found.site is not None
        if found.url is None and publication.status.url is not None and waits:
            before = publication.status.to_manifest()
            status |= {name: before[name] for name in ("url", "espaces") if name in before}
        await self._reporter.publication(work.key, publication.metadata.uid, status)
        waiting = found.stalled or found.waiting or found.site
        said = found.missing or (waiting.message if waiting is not None else None)
        if found.out_of_service:
            said = "The base is out of service"
        changing = found.site is not None and found.site.reason == "DelegationChanging"
        self._delegations.tell(work.key, Told(found.in_force, said, changing))


def _simple_children(ctx: WebContext) -> list[Wanted]:
    budget = web_budget(ctx)
    return [
        _wanted(web_service(ctx), service_facts),
        _wanted(web_policy(ctx)),
        *([_wanted(budget)] if budget is not None else []),
        _wanted(web_deployment(ctx), deployment_facts),
    ]


def _wanted(manifest: Object, facts: Callable[[Object], Any] = lambda _: None) -> Wanted:
    return Wanted(manifest["kind"], manifest["metadata"]["name"], manifest, lambda _: manifest, facts)


def _milliseconds(now: dt.datetime) -> int:
    return int(now.timestamp() * 1000)
