"""The base of a publication that names another one, stands back, or is gone is told, once, and holds up nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from pronote_operator.cluster.agent import AgentError
from pronote_operator.handlers.book import Child
from pronote_operator.handlers.keys import Key, base_key, publication_key
from pronote_operator.planning.facts import StatefulSetFacts
from tests.unit.core.test_publication_pass import BASE, KEY, SERVING, SPACE, STOPPED, World

Object = dict[str, Any]
NEXT = base_key(SPACE, "next")
OLDER = StatefulSetFacts(**{**{name: getattr(SERVING, name) for name in SERVING.__slots__}, "net": False})


class KilledError(Exception):
    """The operator was killed."""


class Server:
    """A base's server with its agent.

    Args:
        log: what all servers were sent, in order.
    """

    def __init__(self, name: str, log: list[tuple[str, bool]]) -> None:
        self.name = name
        self.log = log
        self.in_force: Object | None = None
        self.asked = 0
        self.away = False
        self.killed = False

    async def site(self) -> Object:
        self.asked += 1
        if self.away:
            raise AgentError("Unreachable", "the agent of the base does not answer")
        if self.in_force is None:
            raise AgentError("NothingPublished", "nothing is published")
        return dict(self.in_force)

    async def put_site(self, document: Mapping[str, Any]) -> None:
        if self.killed:
            raise KilledError
        self.log.append((self.name, document["published"]))
        if self.in_force is None or document["revision"] > self.in_force["revision"]:
            self.in_force = dict(document)

    @property
    def published(self) -> bool:
        return bool((self.in_force or {}).get("published"))


class Bases(World):
    """Two bases, each with a server of its own."""

    def __init__(self) -> None:
        self.log: list[tuple[str, bool]] = []
        self.events: list[str] = []
        self.servers = {key: Server(key.name, self.log) for key in (BASE, NEXT)}
        super().__init__()
        self.serve_base(NEXT)

    def serve_base(self, base: Key, facts: StatefulSetFacts = SERVING) -> None:
        """A base is there, as its last pass found it."""
        metadata = {"name": base.name, "namespace": SPACE, "resourceVersion": self._next()}
        uai = {BASE: "0750654D", NEXT: "0210066H"}[base]
        self.store.put(base, {"metadata": metadata, "spec": {"uai": uai}})
        self.book.of(base)["StatefulSet", base.name] = Child(version=1, facts=facts)
        self.desk.base_seen(base)
        self.desk.base_passed(base)

    def lose_base(self, base: Key) -> None:
        """A base is deleted."""
        self.store.remove(base)
        self.book.forget(base)
        self.desk.base_seen(base)

    async def of(self, base: Key) -> Server:  # type: ignore[override]
        if base not in self.store:
            raise AgentError("Unreachable", "the base has no pod that could answer")
        return self.servers[base]

    async def post(self, *_: object, **told: object) -> None:
        self.events.append(str(told["reason"]))

    def later(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)

    def message(self, key: Key = KEY) -> str:
        (found,) = (one for one in self.status(key)["conditions"] if one["type"] == "Published")
        return str(found["message"])

    @property
    def former(self) -> Server:
        return self.servers[BASE]

    @property
    def next(self) -> Server:
        return self.servers[NEXT]

    def sites(self) -> list[str]:
        return sorted(name for name in self.of_kind("ConfigMap") if name.endswith("-site"))


@pytest.fixture
async def world() -> Bases:
    """The first of two bases is published."""
    world = Bases()
    world.ask(replicas=1)
    await world.desk(KEY)
    world.serve()
    await world.desk(KEY)
    assert world.condition("Published") == ("True", "Published")
    world.log.clear()
    world.sent.clear()
    world.former.asked = 0
    world.later(60)
    return world


async def test_the_former_base_is_stopped_once_before_the_next_one_is_published(world: Bases) -> None:
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    assert world.log == [(BASE.name, False), (NEXT.name, True)]
    assert world.sites() == ["next-site"]
    assert world.condition("Published") == ("True", "Published")
    asked = world.former.asked
    await world.desk(KEY)
    assert (world.former.asked, len(world.log)) == (asked, 2)


async def test_no_child_is_left_that_belongs_to_the_former_base(world: Bases) -> None:
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    labels = {name: body["metadata"]["labels"]["pronote.hosting/base"] for (_, name), body in world.objects.items()}
    assert set(labels.values()) == {NEXT.name}, labels


async def test_it_is_told_while_it_lasts_and_until_no_replica_is_of_the_former_base(world: Bases) -> None:
    said = []
    put = world.former.put_site

    async def watched(document: Mapping[str, Any]) -> None:
        said.append((world.condition("Published"), world.condition("Reconciling"), world.status()["url"]))
        await put(document)

    url = world.status()["url"]
    world.former.put_site = watched  # type: ignore[method-assign]
    rolling = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}
    world.objects["Deployment", "moulin-web"]["status"] = rolling
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    assert said == [(("False", "BaseChanging"), ("True", "BaseChanging"), url)]
    assert world.condition("Published") == ("False", "BaseChanging")
    assert "PronoteBase next" in world.message()
    await world.desk(KEY)
    assert world.condition("Published") == ("False", "BaseChanging")
    world.serve()
    await world.desk(KEY)
    assert world.condition("Published") == ("True", "Published")
    assert world.events == ["BaseChanging", "Published"]
    world.change("Deployment", "moulin-web", status=rolling)
    await world.desk(KEY)
    assert world.condition("Published") == ("True", "Published"), "replicas of one base replace each other"


async def test_a_former_base_that_does_not_answer_holds_up_the_next_one_for_half_a_minute(world: Bases) -> None:
    world.former.away = True
    world.ask(base=NEXT.name)
    again = await world.desk(KEY)
    assert again is not None
    assert again <= 5
    assert (world.condition("Published"), world.condition("Ready")) == (("False", "BaseChanging"),) * 2
    assert "PronoteBase jean-moulin" in world.message()
    assert "does not answer" in world.message()
    assert world.log == []
    assert not world.written["published"], "its kubelet brings it meanwhile"
    world.later(31)
    assert await world.desk(KEY) is not None
    assert world.log == [(NEXT.name, True)]
    assert world.condition("Published") == ("True", "Published")
    assert "PronoteBase jean-moulin" in world.message()
    assert world.sites() == ["jean-moulin-site", "next-site"]
    world.former.away = False
    assert await world.desk(KEY) is None
    assert world.log[1:] == [(BASE.name, False)]
    assert world.sites() == ["next-site"]
    assert world.message() == "The Espaces are published"


async def test_a_former_base_that_never_answers_is_asked_no_more_after_three_minutes(world: Bases) -> None:
    world.former.away = True
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    world.later(181)
    assert await world.desk(KEY) is None
    assert world.sites() == ["next-site"]
    assert world.message() == "The Espaces are published"


@pytest.mark.parametrize("facts", [STOPPED, OLDER])
async def test_a_former_base_that_can_publish_nothing_is_not_asked(world: Bases, facts: StatefulSetFacts) -> None:
    world.serve_base(BASE, facts)
    world.ask(base=NEXT.name)
    assert await world.desk(KEY) is None
    assert (world.former.asked, world.log) == (0, [(NEXT.name, True)])
    assert world.sites() == ["next-site"]


async def test_a_former_base_that_is_gone_is_not_waited_for(world: Bases) -> None:
    world.lose_base(BASE)
    world.ask(base=NEXT.name)
    assert await world.desk(KEY) is None
    assert world.log == [(NEXT.name, True)]
    assert world.sites() == ["next-site"]


async def test_a_former_base_is_stopped_also_where_the_next_one_is_missing(world: Bases) -> None:
    world.ask(base="nowhere")
    await world.desk(KEY)
    assert world.log == [(BASE.name, False)]
    assert world.condition("Published") == ("False", "ReferenceNotFound")
    assert world.sites() == []
    world.later(5)
    world.ask(base=BASE.name)
    await world.desk(KEY)
    assert world.former.published
    assert world.condition("Published") == ("True", "Published")


async def test_an_operator_that_was_killed_goes_on_where_it_was_and_remembers_nothing(world: Bases) -> None:
    world.former.killed = True
    world.ask(base=NEXT.name)
    with pytest.raises(KilledError):
        await world.desk(KEY)
    for child in world.book.of(KEY).values():
        child.signature = child.facts = None
    world.desk._work.forget(KEY)
    world.former.killed = False
    await world.desk(KEY)
    assert world.log == [(BASE.name, False), (NEXT.name, True)]
    assert world.former.in_force is not None
    assert world.sites() == ["next-site"]


async def test_whoever_comes_back_to_its_former_base_is_published_again(world: Bases) -> None:
    world.former.away = True
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    world.former.away = False
    world.ask(base=BASE.name)
    await world.desk(KEY)
    assert world.former.published
    assert world.sites() == ["jean-moulin-site"]
    assert not world.next.published


async def test_a_former_base_that_was_named_again_meanwhile_is_borne_with_anew(world: Bases) -> None:
    world.former.away = True
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    world.ask(base=BASE.name)
    await world.desk(KEY)
    world.later(600)
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    assert world.condition("Published") == ("False", "BaseChanging")


async def test_a_publication_that_its_owner_stopped_tells_that_the_former_base_may_still_publish(world: Bases) -> None:
    world.former.away = True
    world.ask(base=NEXT.name, published=False)
    await world.desk(KEY)
    assert world.condition("Published") == ("Unknown", "Stopping")
    world.former.away = False
    await world.desk(KEY)
    assert world.condition("Published") == ("False", "Stopped")
    assert not any(published for _, published in world.log)


async def test_who_waits_for_a_base_publishes_it_once_the_former_publication_has_left_it(world: Bases) -> None:
    younger = publication_key(SPACE, "autre")
    world.ask(younger, created="2026-11-24T01:00:00Z")
    world.ask(base=NEXT.name)
    await world.desk(younger)
    assert world.log == [], "it is not the younger's yet"
    await world.desk(KEY)
    world.later(5)
    await world.desk(younger)
    assert world.log == [(BASE.name, False), (NEXT.name, True), (BASE.name, True)]
    assert world.sites() == ["jean-moulin-site", "next-site"]


async def test_who_stands_back_tells_its_base_before_the_elder_brings_its_own(world: Bases) -> None:
    elder = publication_key(SPACE, "elder")
    world.ask(elder, created="2026-11-01T00:00:00Z", espaces=["Parents"])
    await world.desk(elder)
    assert world.log == []
    await world.desk(KEY)
    assert world.condition("Stalled") == ("True", "BaseTaken")
    world.later(5)
    await world.desk(elder)
    assert world.log == [(BASE.name, False), (BASE.name, True)]


async def test_who_stands_back_leaves_its_base_to_the_elder_only_once_that_was_told(world: Bases) -> None:
    elder = publication_key(SPACE, "elder")
    world.ask(elder, created="2026-11-01T00:00:00Z")
    world.former.away = True
    await world.desk(KEY)
    assert world.condition("Stalled") == ("True", "BaseTaken")
    assert world.of_kind("Deployment") == []
    assert world.sites() == ["jean-moulin-site"]
    await world.desk(elder)
    assert world.condition("Published", elder) == ("False", "Progressing")
    world.former.away = False
    await world.desk(KEY)
    assert world.log == [(BASE.name, False)]
    assert world.sites() == []


async def test_what_only_bears_our_labels_stops_no_base(world: Bases) -> None:
    world.next.in_force = {"revision": 1, "published": True}
    labels = world.objects["Service", "moulin-web"]["metadata"]["labels"]
    metadata = {"name": "next-site", "namespace": SPACE, "labels": labels, "uid": "x"}
    world.objects["ConfigMap", "next-site"] = {"kind": "ConfigMap", "metadata": metadata}
    world.change("ConfigMap", "next-site")
    await world.desk(KEY)
    await world.desk(KEY)
    assert (world.next.asked, world.next.published) == (0, True)


# A publication that is gone.


async def test_the_base_of_a_deleted_publication_is_told_once_and_by_no_pass_over_another(world: Bases) -> None:
    world.desk.forget(KEY)
    world.objects.clear()
    assert KEY in world.marked
    assert await world.desk(KEY) is None
    assert world.log == [(BASE.name, False)]
    assert not world.former.published
    await world.desk(KEY)
    assert len(world.log) == 1


async def test_a_publication_whose_children_go_first_is_known_to_go(world: Bases) -> None:
    body = world.store.get(KEY)
    assert body is not None
    going = {"resourceVersion": world._next(), "deletionTimestamp": "2026-11-24T09:00:00Z"}
    world.desk.observe("MODIFIED", {**body, "metadata": {**body["metadata"], **going}})
    await world.desk(KEY)
    assert world.log == [(BASE.name, False)]


async def test_the_base_of_a_deleted_publication_is_asked_again_for_three_minutes_at_most(world: Bases) -> None:
    world.former.away = True
    world.desk.forget(KEY)
    assert await world.desk(KEY) == 5
    world.former.away = False
    assert await world.desk(KEY) is None
    assert not world.former.published


async def test_a_deleted_publication_is_given_up_with_its_base(world: Bases) -> None:
    world.former.away = True
    world.desk.forget(KEY)
    await world.desk(KEY)
    world.later(181)
    assert await world.desk(KEY) is None
    asked = world.former.asked
    await world.desk(KEY)
    assert world.former.asked == asked


async def test_what_another_publication_published_since_is_not_stopped(world: Bases) -> None:
    younger = publication_key(SPACE, "autre")
    world.desk.forget(KEY)
    world.objects.clear()
    world.ask(younger, created="2026-11-24T01:00:00Z", espaces=["Parents"])
    await world.desk(younger)
    await world.desk(KEY)
    assert world.former.published
    assert [published for _, published in world.log] == [True]


async def test_a_publication_made_anew_under_the_name_of_a_deleted_one_tells_the_former_base_first(
    world: Bases,
) -> None:
    world.desk.forget(KEY)
    world.objects.clear()
    world.ask(base=NEXT.name)
    await world.desk(KEY)
    assert world.log == [(BASE.name, False), (NEXT.name, True)]
