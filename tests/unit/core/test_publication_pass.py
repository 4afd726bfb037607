"""A pass over a publication against an API server kept in memory: what is made, sent, confirmed, and taken away."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest

from pronote_operator.builders.context import BuilderOptions
from pronote_operator.cluster.agent import AgentError
from pronote_operator.cluster.kinds import BY_KIND, CHILD_KINDS, HTTP_ROUTES, WEB_KINDS, Kind
from pronote_operator.errors import ApiError
from pronote_operator.handlers.book import Child, ChildBook
from pronote_operator.handlers.keys import Key, base_key, publication_key
from pronote_operator.handlers.publication_desk import PublicationDesk
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.delegation_status import Told
from pronote_operator.planning.facts import StatefulSetFacts

Object = dict[str, Any]
SPACE = "schools"
KEY = publication_key(SPACE, "moulin")
BASE = base_key(SPACE, "jean-moulin")
SERVING = StatefulSetFacts(
    replicas=1,
    ready=True,
    rolling=False,
    gone=False,
    version="2026.2.5",
    image="localhost/pronote-server:2026.2.5",
    roll_inputs="-",
    net=True,
)
STOPPED = StatefulSetFacts(
    replicas=0,
    ready=False,
    rolling=False,
    gone=True,
    version="2026.2.5",
    image="localhost/pronote-server:2026.2.5",
    roll_inputs="-",
    net=True,
)
GATEWAY = {"httpRoute": {"parentRefs": [{"name": "web"}]}}


class World:
    """The API server, the server of the base, and the operator's memory.

    Args:
        trusted_proxies: a setting of the operator.
    """

    def __init__(self, trusted_proxies: tuple[str, ...] = ()) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.sent: list[tuple[str, str]] = []
        self.version = 100
        self.gateway_api = True
        self.in_force: Object | None = None
        self.away = False
        self.now = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)
        self.told: dict[Key, Told | None] = {}
        self.delegations: list[Object] = []
        self.store = ObjectStore()
        self.marked: set[Key] = set()
        self.book = ChildBook(self.marked.add)
        for kind in (*CHILD_KINDS, *WEB_KINDS):
            self.book.listed(kind, None)
        reporter = Reporter(self, self.store, self)  # type: ignore[arg-type]
        self.desk = PublicationDesk(
            client=self,  # type: ignore[arg-type]
            store=self.store,
            book=self.book,
            reporter=reporter,
            agents=self,  # type: ignore[arg-type]
            delegations=self,  # type: ignore[arg-type]
            options=BuilderOptions(operator_image="localhost/pronote-operator:dev", trusted_proxies=trusted_proxies),
            reflect=lambda _: Listing(self.book),  # type: ignore[arg-type, return-value]
            served=(None,),
            mark=self.marked.add,
            mark_gone=self.marked.add,
            unmark=self.marked.discard,
            on_repair=self.repaired,
            clock=lambda: self.now,
        )
        self.desk._routes._group = Group()  # type: ignore[assignment]
        self.base(SERVING)

    # Somebody else.

    def base(self, facts: StatefulSetFacts) -> None:
        """The base, as its last pass found it."""
        metadata = {"name": BASE.name, "namespace": SPACE, "resourceVersion": self._next()}
        self.store.put(BASE, {"metadata": metadata, "spec": {"uai": "0750654D"}})
        self.book.of(BASE)["StatefulSet", BASE.name] = Child(version=1, facts=facts)
        self.desk.base_seen(BASE)
        self.desk.base_passed(BASE)

    def ask(self, key: Key = KEY, created: str = "2026-11-24T00:00:00Z", **spec: Any) -> None:
        """Somebody applies a publication."""
        before = self.store.get(key) or {"metadata": {"generation": 0}, "spec": {"base": BASE.name}}
        metadata = {
            "name": key.name,
            "namespace": key.namespace,
            "uid": f"uid-{key.namespace}-{key.name}",
            "creationTimestamp": created,
            "generation": before["metadata"]["generation"] + 1,
            "resourceVersion": self._next(),
        }
        wanted = {name: value for name, value in {**before["spec"], **spec}.items() if value is not None}
        body = {"metadata": metadata, "spec": wanted, "status": before.get("status") or {"observedGeneration": -1}}
        self.desk.observe("MODIFIED", body)

    def change(self, kind: str, name: str, **data: Any) -> None:
        """Somebody changes a child, and the watch tells."""
        self.book.seen(BY_KIND[kind], self._keep({**self.objects[kind, name], **data}))

    def serve(self, name: str = "moulin-web") -> None:
        """The replicas come up."""
        replicas = self.objects["Deployment", name]["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas)
        self.change("Deployment", name, status={"observedGeneration": 1, **counts})

    # The API server.

    async def get(self, kind: Kind, _: str | None, name: str) -> Object | None:
        self.sent.append(("get", f"{kind.kind} {name}"))
        return self.objects.get((kind.kind, name))

    async def apply(self, manifest: Object) -> Object:
        self.sent.append(("apply", f"{manifest['kind']} {manifest['metadata']['name']}"))
        managers = [{"manager": "pronote-operator", "operation": "Apply"}]
        before = self.objects.get((manifest["kind"], manifest["metadata"]["name"]), {})
        kept = {"status": before.get("status", {}), **manifest}
        return self._keep({**kept, "metadata": {**manifest["metadata"], "managedFields": managers}})

    async def unchanged(self, manifest: Object) -> Object:
        """As `apply`, where nothing comes of it."""
        self.sent.append(("apply", f"{manifest['kind']} {manifest['metadata']['name']}"))
        return self.objects[manifest["kind"], manifest["metadata"]["name"]]

    async def apply_new(self, manifest: Object) -> Object | None:
        there = (manifest["kind"], manifest["metadata"]["name"]) in self.objects
        return None if there else await self.apply(manifest)

    async def apply_status(self, kind: Kind, manifest: Object) -> Object:
        self.sent.append(("status", manifest["metadata"]["name"]))
        key = Key(kind.kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        body = self.store.get(key)
        assert body is not None
        return {**body, "metadata": {**body["metadata"], "resourceVersion": self._next()}, "status": manifest["status"]}

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str | None = None) -> None:
        self.sent.append(("delete", f"{kind.kind} {name}"))
        del self.objects[kind.kind, name]
        self.book.gone(kind, namespace, name)

    async def pages(self, *_: Any, **__: Any) -> Any:
        if not self.gateway_api:
            raise ApiError(404, "NotFound", "404 page not found")
        yield {"items": []}

    # The agent of the base.

    async def of(self, _: Key) -> World:
        return self

    async def site(self) -> Object:
        self.sent.append(("agent", "site"))
        if self.away:
            raise AgentError("Unreachable", "the agent of the base does not answer")
        if self.in_force is None:
            raise AgentError("NothingPublished", "nothing is published")
        return dict(self.in_force)

    async def put_site(self, document: Mapping[str, Any]) -> None:
        self.sent.append(("agent", "put"))
        if self.in_force is None or document["revision"] > self.in_force["revision"]:
            self.in_force = dict(document)

    # Delegations, Events.

    def can_tell(self, _: Key) -> bool:
        return True

    async def documents(self, _: Key, __: object) -> list[Object]:
        return self.delegations

    def tell(self, key: Key, told: Told | None) -> None:
        self.told[key] = told

    async def post(self, *_: object, **__: object) -> None:
        pass

    async def repaired(self, _: Key, kind: str, name: str, __: list[str]) -> None:
        self.sent.append(("repaired", f"{kind} {name}"))

    # What is there.

    def of_kind(self, kind: str) -> list[str]:
        return [name for found, name in self.objects if found == kind]

    @property
    def written(self) -> Object:
        document: Object = json.loads(self.objects["ConfigMap", "jean-moulin-site"]["data"]["site.json"])
        return document

    def status(self, key: Key = KEY) -> Object:
        body = self.store.get(key)
        assert body is not None
        found: Object = body["status"]
        return found

    def condition(self, kind: str, key: Key = KEY) -> tuple[str, str] | None:
        found = next((c for c in self.status(key)["conditions"] if c["type"] == kind), None)
        return (found["status"], found["reason"]) if found else None

    def _keep(self, body: Object) -> Object:
        metadata = {**body["metadata"], "resourceVersion": self._next(), "generation": 1}
        metadata.setdefault("uid", self._next())
        self.objects[body["kind"], metadata["name"]] = kept = {**body, "metadata": metadata}
        return kept

    def _next(self) -> str:
        self.version += 1
        return str(self.version)


class Listing:
    """A reflector that has listed everything at once."""

    def __init__(self, book: ChildBook) -> None:
        book.listed(HTTP_ROUTES, None)

    async def run(self) -> None:
        """Nothing comes."""


class Group:
    """Runs nothing: what it is given ends by itself."""

    def create_task(self, work: Any, **_: Any) -> None:
        work.close()


@pytest.fixture
def world() -> World:
    return World()


async def published(world: World, **spec: Any) -> World:
    world.ask(**spec)
    await world.desk(KEY)
    world.serve()
    await world.desk(KEY)
    world.sent.clear()
    return world


async def test_a_publication_has_its_children_and_is_published_once_replicas_serve(world: World) -> None:
    world.ask()
    await world.desk(KEY)
    kinds = sorted(kind for kind, _ in world.objects)
    assert kinds == ["ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"]
    assert world.condition("Published") == ("False", "ReplicasNotReady")
    assert world.condition("Reconciling") == ("True", "ReplicasNotReady")
    world.serve()
    await world.desk(KEY)
    assert (world.condition("Published"), world.condition("Ready")) == (("True", "Published"),) * 2
    assert world.condition("Reconciling") is None
    assert world.status()["url"] == "http://moulin-web.schools.svc/pronote"
    assert world.status()["espaces"][-1] == {
        "name": "Inscription",
        "url": "http://moulin-web.schools.svc/pronote/inscription.html",
    }
    assert world.in_force == world.written
    assert world.in_force["revision"] == int(world.now.timestamp() * 1000)


async def test_a_pass_with_nothing_to_do_sends_nothing_not_even_to_the_agent(world: World) -> None:
    await published(world)
    for _ in range(3):
        assert await world.desk(KEY) is None
    assert world.sent == []


async def test_a_stopped_publication_keeps_its_replicas_and_is_ready_once_the_server_says_so(world: World) -> None:
    await published(world)
    world.ask(published=False)
    await world.desk(KEY)
    assert world.in_force is not None
    assert world.in_force["published"] is False
    assert world.condition("Published") == ("False", "Stopped")
    assert world.condition("Ready") == ("True", "Stopped")
    assert world.of_kind("Deployment") == ["moulin-web"]


async def test_a_stop_is_not_told_before_the_server_confirms_it_and_is_sent_again(world: World) -> None:
    await published(world)
    world.away = True
    world.ask(published=False)
    again = await world.desk(KEY)
    assert world.condition("Published") == ("Unknown", "Stopping")
    assert again is not None
    assert again <= 2
    world.away = False
    assert await world.desk(KEY) is None
    assert world.condition("Published") == ("False", "Stopped")


async def test_a_base_out_of_service_is_left_what_it_is_to_publish_when_it_starts(world: World) -> None:
    await published(world)
    world.base(STOPPED)
    world.ask(espaces=["Parents"])
    await world.desk(KEY)
    assert world.condition("Published") == ("False", "BaseOutOfService")
    assert world.written["espaces"] == ["Parents"]
    world.marked.clear()
    world.base(SERVING)
    assert KEY in world.marked
    await world.desk(KEY)
    assert world.in_force == world.written
    assert world.condition("Published") == ("True", "Published")


async def test_a_server_that_came_back_is_asked_again_what_is_in_force(world: World) -> None:
    await published(world)
    world.in_force = None
    world.base(STOPPED)
    world.base(SERVING)
    await world.desk(KEY)
    assert world.in_force == world.written


async def test_an_edited_document_is_replaced_by_a_newer_one(world: World) -> None:
    await published(world)
    forged = {**world.written, "espaces": ["Direction"], "revision": world.written["revision"] + 10_000}
    world.change("ConfigMap", "jean-moulin-site", data={"site.json": json.dumps(forged)})
    await world.desk(KEY)
    assert len(world.written["espaces"]) == 9
    assert world.written["revision"] > forged["revision"]
    assert world.in_force == world.written


@pytest.mark.parametrize("kind", ["Service", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "HTTPRoute"])
async def test_a_changed_child_is_changed_back(world: World, kind: str) -> None:
    await published(world, exposure=GATEWAY)
    before = world.objects[kind, "moulin-web"]["spec"]
    world.change(kind, "moulin-web", spec={**before, next(iter(before)): "something else"})
    await world.desk(KEY)
    assert ("repaired", f"{kind} moulin-web") in world.sent
    assert world.objects[kind, "moulin-web"]["spec"] == before


async def test_a_former_route_and_a_budget_that_is_not_wanted_are_removed(world: World) -> None:
    await published(world, exposure=GATEWAY)
    world.ask(exposure={"ingress": {}}, replicas=1)
    await world.desk(KEY)
    assert (world.of_kind("HTTPRoute"), world.of_kind("Ingress")) == ([], ["moulin-web"])
    assert world.of_kind("PodDisruptionBudget") == []
    assert world.status()["url"] == "https://0750654d.pronote.example.org/pronote"


async def test_what_only_bears_our_labels_is_not_removed(world: World) -> None:
    await published(world)
    metadata = {
        "name": "theirs",
        "namespace": SPACE,
        "labels": world.objects["Service", "moulin-web"]["metadata"]["labels"],
    }
    world.objects["Ingress", "theirs"] = {"kind": "Ingress", "metadata": {**metadata, "uid": "x"}}
    world.change("Ingress", "theirs")
    await world.desk(KEY)
    assert world.of_kind("Ingress") == ["theirs"]
    world.sent.clear()
    await world.desk(KEY)
    assert world.sent == [], "nor looked at again and again"


async def test_a_listener_that_is_no_longer_named_is_taken_off_the_route_also_after_a_restart(world: World) -> None:
    await published(world, exposure={"httpRoute": {"parentRefs": [{"name": "web", "sectionName": "https"}]}})
    world.change("HTTPRoute", "moulin-web")
    for child in world.book.of(KEY).values():
        child.signature = None  # an operator that has just started remembers nothing
    world.ask(exposure=GATEWAY)
    await world.desk(KEY)
    (parent,) = world.objects["HTTPRoute", "moulin-web"]["spec"]["parentRefs"]
    assert parent == {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web"}


async def test_what_the_api_server_adds_again_is_not_told_as_a_repair(world: World) -> None:
    """A newer kind of route may complete what is compared as a whole; an apply changes nothing then."""
    await published(world, exposure=GATEWAY)
    completed = copy.deepcopy(world.objects["HTTPRoute", "moulin-web"]["spec"])
    completed["parentRefs"][0]["mode"] = "Default"
    world.change("HTTPRoute", "moulin-web", spec=completed)
    stored, world.apply = world.objects["HTTPRoute", "moulin-web"], world.unchanged  # type: ignore[method-assign]
    await world.desk(KEY)
    assert ("apply", "HTTPRoute moulin-web") in world.sent
    assert ("repaired", "HTTPRoute moulin-web") not in world.sent
    assert world.objects["HTTPRoute", "moulin-web"] == stored


ROUTED: Object = {
    "status": {
        "parents": [
            {
                "parentRef": {"name": "web"},
                "conditions": [{"type": "Accepted", "status": "True"}, {"type": "ResolvedRefs", "status": "True"}],
            }
        ]
    }
}
HIDING: dict[str, tuple[Object, tuple[str, ...], str]] = {
    "a route and no trusted proxies": (GATEWAY, (), "trustedProxies is empty"),
    "an Ingress and no trusted proxies": ({"ingress": {}}, (), "trustedProxies is empty"),
    "a port of the nodes": ({"service": {"type": "NodePort"}}, ("10.0.0.0/8",), "nodes hide"),
}
TELLING: dict[str, tuple[Object | None, tuple[str, ...]]] = {
    "a route and trusted proxies": (GATEWAY, ("10.0.0.0/8",)),
    "an Ingress and trusted proxies": ({"ingress": {}}, ("10.0.0.0/8",)),
    "a load balancer": ({"service": {"type": "LoadBalancer"}}, ()),
    "a Service in the cluster": (None, ()),
}


async def through(exposure: Object | None, proxies: tuple[str, ...]) -> str:
    """The message of a publication that visitors reach so."""
    world = await published(World(proxies), exposure=exposure)
    if exposure == GATEWAY:
        world.change("HTTPRoute", "moulin-web", **ROUTED)
    elif exposure is not None:
        kind = "Ingress" if "ingress" in exposure else "Service"
        world.change(kind, "moulin-web", status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})
    await world.desk(KEY)
    assert (world.condition("Published"), world.condition("Ready")) == (("True", "Published"),) * 2
    messages = {one["type"]: str(one["message"]) for one in world.status()["conditions"]}
    assert messages["Published"] == messages["Ready"]
    return messages["Ready"]


@pytest.mark.parametrize("case", HIDING)
async def test_a_way_that_hides_the_visitors_addresses_is_told_of_and_does_not_make_it_unready(case: str) -> None:
    exposure, proxies, said = HIDING[case]
    message = await through(exposure, proxies)
    assert message.startswith("The Espaces are published; ")
    assert said in message
    assert "wrong passwords" in message


@pytest.mark.parametrize("case", TELLING)
async def test_nothing_is_said_of_addresses_where_the_server_sees_the_visitors_own(case: str) -> None:
    assert await through(*TELLING[case]) == "The Espaces are published"


async def test_a_cluster_without_the_gateway_api_is_told_of_and_heals(world: World) -> None:
    world.gateway_api = False
    await published(world, exposure=GATEWAY)
    assert world.condition("Published") == ("False", "GatewayApiMissing")
    assert world.condition("Stalled") is None
    world.gateway_api = True
    await world.desk(KEY)
    answer = {
        "parentRef": {"name": "web"},
        "conditions": [{"type": t, "status": "True"} for t in ("Accepted", "ResolvedRefs")],
    }
    assert world.condition("Published") == ("False", "RouteNotAccepted")
    world.change("HTTPRoute", "moulin-web", status={"parents": [answer]})
    await world.desk(KEY)
    assert world.condition("Published") == ("True", "Published")


async def test_the_younger_for_a_base_stands_back_and_takes_over_when_the_elder_goes(world: World) -> None:
    younger = publication_key(SPACE, "autre")
    await published(world)
    world.ask(younger, created="2026-11-24T01:00:00Z")
    await world.desk(younger)
    assert world.condition("Stalled", younger) == ("True", "BaseTaken")
    assert world.of_kind("Deployment") == ["moulin-web"]
    world.marked.clear()
    world.desk.forget(KEY)
    world.objects.clear()
    assert younger in world.marked
    await world.desk(younger)
    assert world.of_kind("Deployment") == ["autre-web"]
    assert world.told[KEY] is None


async def test_who_loses_a_host_to_an_elder_removes_what_it_made_and_learns_no_foreign_name(world: World) -> None:
    elder = publication_key("elsewhere", "secret-name")
    await published(world, host="one.example.org", exposure=GATEWAY)
    world.ask(elder, created="2026-11-01T00:00:00Z", host="one.example.org", exposure=GATEWAY)
    assert KEY in world.marked
    await world.desk(KEY)
    assert world.condition("Stalled") == ("True", "HostTaken")
    assert "secret-name" not in json.dumps(world.status())
    assert world.objects == {}


async def test_a_base_that_is_missing_is_waited_for(world: World) -> None:
    world.ask(base="other")
    assert await world.desk(KEY) is None
    assert world.condition("Ready") == ("False", "ReferenceNotFound")
    world.ask(base=BASE.name)
    await world.desk(KEY)
    assert world.of_kind("Deployment") == ["moulin-web"]


async def test_a_server_without_the_port_says_what_to_do(world: World) -> None:
    world.base(StatefulSetFacts(**{**{f: getattr(SERVING, f) for f in SERVING.__slots__}, "net": False}))
    world.ask()
    await world.desk(KEY)
    assert world.condition("Stalled") == ("True", "ServerTooOld")
    assert world.objects == {}


async def test_another_base_takes_what_was_published_of_the_former_one_away(world: World) -> None:
    await published(world)
    world.objects["ConfigMap", "kept"] = {"kind": "ConfigMap", "metadata": {"name": "kept"}}
    other = base_key(SPACE, "other")
    metadata = {"name": "other", "namespace": SPACE, "resourceVersion": "9000"}
    world.store.put(other, {"metadata": metadata, "spec": {"uai": "0210066H"}})
    world.book.of(other)["StatefulSet", "other"] = Child(version=1, facts=SERVING)
    world.desk.base_passed(other)
    world.ask(base="other")
    await world.desk(KEY)
    assert world.of_kind("ConfigMap") == ["kept", "other-site"]


async def test_a_delegation_that_changes_is_told_of_while_the_publication_is_stopped_for_it(world: World) -> None:
    await published(world)
    world.delegations = [{"name": "ent", "espaces": ["Parents"]}]
    seen: list[tuple[str, str] | None] = []
    put = world.put_site

    async def watched(document: Mapping[str, Any]) -> None:
        seen.append(world.condition("Published"))
        await put(document)

    world.put_site = watched  # type: ignore[method-assign]
    world.now += dt.timedelta(seconds=5)
    await world.desk(KEY)
    assert seen[0] == ("False", "DelegationChanging")
    assert world.condition("Published") == ("True", "Published")
    assert world.written["delegations"] == world.delegations
    egress = world.objects["NetworkPolicy", "moulin-web"]["spec"]["egress"]
    assert len(egress) == 3, "CAS servers may be reached"
