"""One pass over a delegation: what it reads, what it tells, whom it wakes."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

import pytest

from pronote_operator.api.entcatalogue import CATALOGUE_KEY
from pronote_operator.handlers.cas_servers import CasServers
from pronote_operator.handlers.delegation import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, DelegationReconciler
from pronote_operator.handlers.delegations import Delegations
from pronote_operator.handlers.keys import Key, delegation_key, publication_key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.conditions import find_condition
from pronote_operator.planning.delegation import CasServer, documents
from pronote_operator.planning.delegation_status import Told
from pronote_operator.planning.reachability import Reach, answered, timed_out
from tests.unit.planning.test_ca_bundle import GOOD, NOW, OVER, judge

URL = "https://0750654d.pronote.example.org/pronote"
SITE = publication_key("schools", "jean-moulin")
CATALOGUE = {"data": {CATALOGUE_KEY: "my-ent: {displayName: E, casUrl: 'https://ent.example.org/cas'}"}}
ABSENT = ("", "", "")
"""What is said by a condition that is not there."""
OWN = {"url": "https://cas.example.org", "caBundle": {"configMapName": "authority"}}


class World:
    """What the operator knows, in memory; `status` is what was written last."""

    def __init__(self) -> None:
        self.store = ObjectStore()
        self.configmaps: dict[str, Any] = {}
        self.reads = 0
        self.woken: list[Key] = []
        self.says: Reach = answered(200)
        self.version = 0
        self.delegations = Delegations(configmap=self.configmap, judge=judge, clock=lambda: NOW)
        self.servers = CasServers(ask=self.ask, mark=lambda _: None)
        self.work = DelegationReconciler(
            store=self.store,
            delegations=self.delegations,
            servers=self.servers,
            reporter=cast(Reporter, self),
            mark=self.woken.append,
            clock=lambda: NOW,
        )

    async def configmap(self, namespace: str, name: str) -> Any:
        assert namespace == "schools"
        self.reads += 1
        return self.configmaps.get(name)

    async def ask(self, _: CasServer) -> Reach:
        return self.says

    async def delegation(self, key: Key, uid: str, status: dict[str, Any]) -> None:
        """The reporter's part."""
        body = self.store.get(key)
        assert body is not None
        self.put(key, body["spec"], uid=uid, status=status)

    def put(self, key: Key, spec: Mapping[str, Any], *, uid: str = "", status: Mapping[str, Any] | None = None) -> None:
        self.version += 1
        body = {
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "uid": uid or key.name,
                "generation": 1,
                "resourceVersion": str(self.version),
                "creationTimestamp": "2026-11-01T00:00:00Z",
            },
            "spec": dict(spec),
            "status": dict(status or {}),
        }
        self.store.put(key, body)
        if key.kind == "CasDelegation":
            self.delegations.put(body)

    def publish(self, *, published: bool = True, **spec: Any) -> None:
        self.put(
            SITE,
            {"base": "jean-moulin", "published": published, **spec},
            status={"url": URL, "espaces": [{"name": "Parents", "url": f"{URL}/parent.html"}]},
        )

    def delegate(self, name: str = "d", **spec: Any) -> Key:
        key = delegation_key("schools", name)
        source = {} if "cas" in spec else {"ent": "my-ent"}
        self.put(key, {"publication": "jean-moulin", "espaces": ["Parents"], **source, **spec})
        return key

    async def bring_in_force(self, *, published: bool = True, waiting: str | None = None) -> None:
        """The publication's part."""
        told = self.delegations.told(SITE)
        before = (told.in_force or {}).get("delegations", []) if told is not None else []
        wanted = documents(await self.delegations.resolve(SITE, before))
        self.delegations.tell(SITE, Told({"published": published, "delegations": wanted}, waiting))

    def status(self, key: Key) -> dict[str, Any]:
        body = self.store.get(key)
        assert body is not None
        return dict(body["status"])

    def said(self, key: Key, type_: str = "Ready") -> tuple[str, str, str]:
        found = find_condition(self.status(key)["conditions"], type_)
        return ABSENT if found is None else (found["status"], found["reason"], found["message"])


@pytest.fixture
async def world() -> World:
    world = World()
    await world.delegations.read_catalogue(CATALOGUE)
    return world


async def test_a_delegation_in_force_is_ready_and_says_what_to_declare(world: World) -> None:
    world.publish()
    key = world.delegate()
    await world.bring_in_force()
    assert await world.work(key) is None
    assert world.said(key) == ("True", "InForce", "The delegation is in force")
    assert world.said(key, "Reconciling") == ABSENT
    assert world.status(key)["serviceUrl"] == f"{URL}/"
    assert world.status(key)["directUrl"] == f"{URL}/parent.html?login=true"
    assert world.said(key, "Reachable") == ("Unknown", "NotAskedYet", "The CAS server was not asked yet")


async def test_without_direct_authentication_there_is_no_direct_address(world: World) -> None:
    world.publish()
    key = world.delegate(allowDirectAuthentication=False)
    await world.bring_in_force()
    await world.work(key)
    assert "directUrl" not in world.status(key)


async def test_while_the_site_changes_it_is_not_ready_and_says_so(world: World) -> None:
    world.publish()
    await world.bring_in_force()
    key = world.delegate()
    await world.work(key)
    said = world.said(key)
    assert said[:2] == ("False", "DelegationChanging")
    assert world.said(key, "Reconciling") != ABSENT
    await world.bring_in_force(published=False)
    await world.work(key)
    assert said == world.said(key), "in force, and stopped until the next step"


async def test_of_a_publication_that_its_owner_stopped_it_is_as_wanted(world: World) -> None:
    world.publish(published=False)
    key = world.delegate()
    await world.bring_in_force(published=False)
    await world.work(key)
    said = world.said(key)
    assert said[:2] == ("True", "Stopped")


async def test_what_the_publication_waits_for_is_told(world: World) -> None:
    world.publish()
    key = world.delegate()
    world.delegations.tell(SITE, Told(None, "The server of the base does not answer"))
    await world.work(key)
    assert world.said(key) == ("False", "PublicationNotReady", "The server of the base does not answer")


async def test_a_change_that_is_told_of_is_a_change_whatever_is_waited_for(world: World) -> None:
    world.publish()
    key = world.delegate()
    world.delegations.tell(SITE, Told({"published": True, "delegations": []}, "The pages are stopped", changing=True))
    await world.work(key)
    assert world.said(key)[:2] == ("False", "DelegationChanging")


async def test_before_the_first_pass_over_its_publication_nothing_is_said(world: World) -> None:
    world.publish()
    key = world.delegate()
    await world.work(key)
    assert world.status(key) == {}


async def test_without_a_publication_it_waits(world: World) -> None:
    key = world.delegate()
    await world.work(key)
    said = world.said(key)
    assert said[:2] == ("False", "ReferenceNotFound")
    assert "Publication jean-moulin" in said[2]


async def test_espaces_that_are_not_published_are_told(world: World) -> None:
    world.publish(espaces=["Eleves"])
    key = world.delegate()
    await world.bring_in_force()
    await world.work(key)
    assert world.said(key) == ("True", "InForce", "The delegation is in force; not published at present: Parents")


async def test_the_younger_of_two_is_stalled_and_heals_when_the_elder_goes(world: World) -> None:
    world.publish()
    old, young = world.delegate("a"), world.delegate("b")
    await world.bring_in_force()
    await world.work(young)
    said = world.said(young, "Stalled")
    assert said[1] == "EspaceTaken"
    assert world.said(young, "Reachable") == ABSENT
    world.store.remove(old)
    assert world.delegations.remove(old) == {SITE}
    await world.bring_in_force()
    await world.work(young)
    assert world.said(young, "Stalled") == ABSENT
    assert world.said(young)[:2] == ("True", "InForce")


async def test_an_ent_that_leaves_the_catalogue_stays_in_force_and_is_told(world: World) -> None:
    world.publish()
    key = world.delegate()
    await world.bring_in_force()
    assert await world.delegations.read_catalogue({"data": {CATALOGUE_KEY: ""}}) == {SITE}
    await world.bring_in_force()
    await world.work(key)
    said = world.said(key)
    assert said[:2] == ("False", "ReferenceNotFound")
    assert "stays" in said[2]
    told = world.delegations.told(SITE)
    assert told is not None
    assert told.in_force is not None
    assert [one["name"] for one in told.in_force["delegations"]] == ["d"]


async def test_certificates_that_are_missing_are_looked_for_more_and_more_rarely(world: World) -> None:
    world.publish()
    key = world.delegate(cas=OWN)
    await world.bring_in_force()
    pauses = [await world.work(key) for _ in range(8)]
    assert pauses[0] == FIRST_RETRY_SECONDS
    assert pauses == sorted(pauses, key=lambda pause: pause or 0)
    assert pauses[-1] == LAST_RETRY_SECONDS
    assert world.said(key)[:2] == ("False", "ReferenceNotFound")
    world.woken.clear()
    world.configmaps["authority"] = {"data": {"ca.crt": GOOD}}
    assert await world.work(key) is None
    assert world.woken == [SITE]


async def test_certificates_that_make_no_sense_must_be_mended(world: World) -> None:
    world.publish()
    world.configmaps["authority"] = {"data": {"ca.crt": OVER}}
    key = world.delegate(cas=OWN)
    await world.bring_in_force()
    assert await world.work(key) == FIRST_RETRY_SECONDS
    assert world.said(key, "Stalled")[1] == "InvalidCaBundle"


async def test_certificates_as_before_wake_nobody(world: World) -> None:
    world.publish()
    world.configmaps["authority"] = {"data": {"ca.crt": GOOD}}
    key = world.delegate(cas=OWN)
    await world.bring_in_force()
    await world.work(key)
    world.woken.clear()
    await world.work(key)
    assert world.woken == []


async def test_a_delegation_that_comes_while_certificates_are_read_is_not_left_out(world: World) -> None:
    world.configmaps["authority"] = {"data": {"ca.crt": GOOD}}
    world.delegate("a", cas=OWN)
    read = world.configmap

    async def slow(namespace: str, name: str) -> Any:
        if world.reads == 0:
            world.delegate("b", cas=OWN, espaces=["Eleves"])
        return await read(namespace, name)

    world.delegations._configmap = slow
    assert set(await world.delegations.resolve(SITE, [])) == {"a", "b"}


async def test_a_server_that_is_away_leaves_the_delegation_ready(world: World) -> None:
    world.publish()
    key = world.delegate()
    await world.bring_in_force()
    world.says = timed_out()
    await world.work(key)
    asking = asyncio.create_task(world.servers.run())
    await asyncio.sleep(0.02)
    await world.work(key)
    assert world.said(key, "Reachable")[:2] == ("False", "TimedOut")
    assert world.said(key)[:2] == ("True", "InForce")
    asking.cancel()


async def test_a_new_leader_leaves_what_was_found_of_the_server_until_it_asked(world: World) -> None:
    world.publish()
    key = world.delegate()
    await world.bring_in_force()
    body = world.store.get(key)
    assert body is not None
    condition = {"type": "Reachable", "status": "False", "reason": "TimedOut", "message": "m", "observedGeneration": 1}
    condition["lastTransitionTime"] = dt.datetime(2026, 11, 1, tzinfo=dt.UTC).isoformat()
    world.put(key, body["spec"], status={"conditions": [condition]})
    await world.work(key)
    assert world.said(key, "Reachable") == ("False", "TimedOut", "m")


async def test_only_a_change_that_counts_concerns_the_publication(world: World) -> None:
    key = world.delegate()
    body = world.store.get(key)
    assert body is not None
    assert world.delegations.put(body) == set()
    body["spec"]["publication"] = "other"
    assert world.delegations.put(body) == {SITE, publication_key("schools", "other")}
    assert world.delegations.keys_of(SITE) == set()
