"""A site document comes in force step by step, whoever is killed and whatever answer is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.cluster.agent import AgentError
from pronote_operator.handlers.site import Brought, bring_in_force
from pronote_operator.planning.site_order import Site, delegations_of
from tests.unit.planning.test_site_order import site


class KilledError(Exception):
    """The operator was killed."""


class World:
    """A server, a ConfigMap, and an operator in which the nth thing it does can go wrong."""

    def __init__(self) -> None:
        self.configmap: dict[str, Any] | None = None
        self.history: list[Site] = []
        self.clock = 1000
        self.done = 0
        self.mishaps: dict[int, str] = {}

    @property
    def in_force(self) -> Site | None:
        return self.history[-1] if self.history else None

    def _mishap(self) -> str | None:
        self.done += 1
        mishap = self.mishaps.pop(self.done, None)
        if mishap == "mounted":
            self.mounted()
            return None
        return mishap

    async def site(self) -> dict[str, Any]:
        match self._mishap():
            case "killed" | "killed after":
                raise KilledError
            case "lost":
                raise AgentError("Unreachable", "no answer in time")
        if self.in_force is None:
            raise AgentError("NothingPublished", "nothing is published")
        return self.told(self.in_force)

    def told(self, document: Site) -> dict[str, Any]:
        """What the server says of a document."""
        return dict(document)

    async def put_site(self, document: Mapping[str, Any]) -> None:
        mishap = self._mishap()
        if mishap == "killed":
            raise KilledError
        self.take(document)
        if mishap == "killed after":
            raise KilledError
        if mishap == "lost":
            raise AgentError("Unreachable", "no answer in time")

    async def write(self, document: dict[str, Any]) -> None:
        mishap = self._mishap()
        if mishap == "killed":
            raise KilledError
        self.configmap = document
        if mishap is not None:
            raise KilledError

    def take(self, document: Mapping[str, Any]) -> None:
        """As the server does: the higher revision is in force."""
        if self.in_force is None or document["revision"] > self.in_force["revision"]:
            self.history.append(dict(document))

    def mounted(self) -> None:
        """The kubelet brings the ConfigMap, at last."""
        if self.configmap is not None:
            self.take(self.configmap)

    def milliseconds(self) -> int:
        return self.clock

    async def bring(self, wanted: Site) -> Brought:
        return await bring_in_force(
            wanted, written=self.configmap, agent=self, write=self.write, milliseconds=self.milliseconds
        )

    def content(self) -> dict[str, Any]:
        return {name: value for name, value in (self.in_force or {}).items() if name != "revision"}


async def test_a_changed_delegation_comes_in_force_in_one_pass_and_three_steps() -> None:
    world = World()
    await world.bring(site(True, "a1"))
    seen = len(world.history)
    brought = await world.bring(site(True, "a2"))
    assert (brought.in_force, brought.waiting, brought.changing) == (world.in_force, None, False)
    assert [one["published"] for one in world.history[seen:]] == [False, False, True]
    assert world.configmap == world.in_force


async def test_that_delegations_change_is_told_once_and_before_anything_is_stopped() -> None:
    world, told = World(), []

    async def on_change(in_force: Site | None) -> None:
        told.append((in_force, len(world.history)))

    async def bring(wanted: Site) -> None:
        await bring_in_force(
            wanted, written=world.configmap, agent=world, write=world.write, milliseconds=lambda: 0, on_change=on_change
        )

    await bring(site(True))
    await bring(site(True, espaces=("Eleves",)))
    assert told == []
    before = world.in_force
    await bring(site(True, "a1"))
    assert told == [(before, 2)]


async def test_nothing_is_written_or_sent_when_all_is_in_force() -> None:
    world = World()
    await world.bring(site(True, "a1"))
    before, revision = world.done, (world.in_force or {})["revision"]
    await world.bring(site(True, "a1"))
    assert world.done == before + 1, "it was asked once"
    assert (world.in_force or {})["revision"] == revision


async def test_a_clock_that_went_back_does_not_hold_it_up() -> None:
    world = World()
    await world.bring(site(True, "a1"))
    world.clock = 0
    assert (await world.bring(site(False, "a1"))).waiting is None
    assert world.content() == site(False, "a1")


async def test_a_server_that_does_not_answer_is_waited_for_where_it_was() -> None:
    world = World()
    await world.bring(site(True, "a1"))
    world.mishaps = {world.done + 3: "lost", world.done + 4: "lost"}
    brought = await world.bring(site(True, "a2"))
    assert brought.changing
    assert brought.waiting == "Unreachable: no answer in time"
    assert (await world.bring(site(True, "a2"))).waiting is not None
    assert (await world.bring(site(True, "a2"))).waiting is None
    assert world.content() == site(True, "a2")


async def test_a_server_that_keeps_nothing_ends_the_pass() -> None:
    world = World()

    async def ignore(document: Mapping[str, Any]) -> None:
        assert document

    world.put_site = ignore  # type: ignore[method-assign]
    assert (await world.bring(site(True))).waiting == "The server does not keep what it is sent"


async def test_a_server_that_says_it_otherwise_is_not_sent_the_same_again_and_again() -> None:
    class Older(World):
        def told(self, document: Site) -> dict[str, Any]:
            delegations = [{"name": one["name"], "direct": True} for one in document["delegations"]]
            return {**document, "delegations": delegations, "new": 1}

    world = Older()
    brought = await world.bring(site(True, "a1"))
    assert brought.in_force == world.in_force == world.configmap
    before = len(world.history)
    await world.bring(site(True, "a1"))
    assert len(world.history) == before
    await world.bring(site(True, "a2"))
    assert [one["published"] for one in world.history[before:]] == [False, False, True]


async def test_what_the_configmap_lost_is_put_back() -> None:
    world = World()
    await world.bring(site(True, "a1"))
    world.configmap = None
    await world.bring(site(True, "a1"))
    assert world.configmap == world.in_force


sites = st.builds(site, st.booleans(), st.sampled_from(["a1", "a2"]), st.sampled_from(["b1", "c1"])) | st.builds(
    site, st.booleans()
)
mishaps = st.dictionaries(
    st.integers(1, 12), st.sampled_from(["killed", "killed after", "lost", "mounted"]), max_size=5
)


@given(st.lists(st.tuples(sites, mishaps, st.integers(1, 3)), min_size=1, max_size=5))
def test_whatever_goes_wrong_it_ends_as_wanted_and_in_order(
    changes: list[tuple[dict[str, Any], dict[int, str], int]],
) -> None:
    async def passes(world: World, wanted: Site, most: int) -> bool:
        for _ in range(most):
            world.clock += 1
            with contextlib.suppress(KilledError):
                if (await world.bring(wanted)).waiting is None:
                    return True
        return False

    async def play() -> World:
        world = World()
        for wanted, wrong, most in changes:
            # The next change comes when it likes, also while this one is half done.
            world.mishaps = {world.done + when: what for when, what in wrong.items()}
            await passes(world, wanted, most)
        assert await passes(world, wanted, 20), "it never ends"
        assert world.content() == wanted
        world.mounted()
        assert world.content() == wanted, "what the ConfigMap has is no other"
        return world

    world = asyncio.run(play())
    for before, after in itertools.pairwise([site(False), *world.history]):
        if delegations_of(before) != delegations_of(after):
            assert not before["published"]
            assert not after["published"]
