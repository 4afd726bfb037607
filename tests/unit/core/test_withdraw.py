"""A base is told that nothing is published of it, whoever is killed and whatever answer is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.cluster.agent import AgentError
from pronote_operator.handlers.site import bring_in_force, withdraw
from pronote_operator.planning.site_order import Site, delegations_of
from pronote_server.web.site import Site as ServedSite
from pronote_server.web.site import SiteInForce
from tests.unit.core.test_site import KilledError, World, mishaps
from tests.unit.planning.test_site_order import site


class Base(World):
    """One base with its server, of which something may be published."""

    async def leave(self) -> None:
        """One try to have nothing published."""
        await withdraw(written=self.configmap, find=self.agent, write=self.write)

    async def forgotten(self) -> None:
        """As `leave`, once there is no ConfigMap to write into."""
        await withdraw(written=self.configmap, find=self.agent, write=None)

    async def agent(self) -> World:
        return self


def documents(*sites: Site) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name != "revision"} for one in sites]


async def test_a_published_base_is_stopped_once() -> None:
    base = Base()
    await base.bring(site(True, "a1"))
    seen = len(base.history)
    await base.leave()
    assert documents(*base.history[seen:]) == [site(False, "a1")]
    assert base.configmap == base.in_force
    before = base.done
    await base.leave()
    assert base.done == before + 1, "it was asked once more, and sent nothing"


async def test_the_stop_is_in_the_configmap_before_anybody_looks_for_the_agent() -> None:
    base = Base()
    await base.bring(site(True))

    async def nobody() -> World:
        raise AgentError("Unreachable", "the base has no pod that could answer")

    with pytest.raises(AgentError):
        await withdraw(written=base.configmap, find=nobody, write=base.write)
    assert not (base.configmap or {})["published"]
    base.mounted()
    assert not (base.in_force or {})["published"]


async def test_a_base_without_anything_published_is_sent_nothing() -> None:
    base = Base()
    await base.leave()
    await base.forgotten()
    assert (base.history, base.configmap) == ([], None)


async def test_a_server_that_keeps_nothing_is_told_of() -> None:
    base = Base()
    await base.bring(site(True))

    async def ignore(document: Mapping[str, Any]) -> None:
        assert document

    base.put_site = ignore  # type: ignore[method-assign]
    with pytest.raises(AgentError, match="does not keep"):
        await base.leave()


async def test_what_somebody_else_published_since_is_left_alone_once_the_configmap_is_gone() -> None:
    base = Base()
    await base.bring(site(True, espaces=("Parents",)))
    left = base.configmap
    base.clock += 60_000
    await base.bring(site(True, espaces=("Eleves",)))
    seen = list(base.history)
    await withdraw(written=left, find=base.agent, write=None)
    assert base.history == seen


@given(st.booleans(), mishaps, mishaps, st.sampled_from([Base.leave, Base.forgotten]))
def test_whatever_goes_wrong_nothing_is_published_in_the_end_and_delegations_stay(
    published: bool, first: dict[int, str], then: dict[int, str], leave: Callable[[Base], Awaitable[None]]
) -> None:
    async def play() -> Base:
        base = Base()
        for delegation in ("a1", "a2"):
            base.mishaps = dict(first)
            with contextlib.suppress(KilledError):
                await base.bring(site(published, delegation))
        before = base.configmap
        base.mishaps = {base.done + when: what for when, what in then.items()}
        for _ in range(20):
            with contextlib.suppress(KilledError, AgentError):
                await leave(base)
                break
        else:
            raise AssertionError("it never ends")
        if leave is Base.forgotten:
            assert base.configmap is before
        return base

    base = asyncio.run(play())
    assert not (base.in_force or {}).get("published")
    for one, other in itertools.pairwise([site(False), *base.history]):
        if delegations_of(one) != delegations_of(other):
            assert not one["published"]
            assert not other["published"]


class Mounted:
    """A server's own choice between what it was sent and what a kubelet brings, late, of a ConfigMap."""

    def __init__(self) -> None:
        self.sites = SiteInForce()
        self.configmap: dict[str, Any] | None = None
        self.clock = 1000

    def kubelet(self) -> None:
        """Bring what the ConfigMap has at present, or take away what was brought."""
        self.sites.mounted(ServedSite.model_validate(self.configmap) if self.configmap is not None else None)

    async def site(self) -> dict[str, Any]:
        if self.sites.site is None:
            raise AgentError("NothingPublished", "nothing is published")
        return self.sites.site.model_dump(mode="json", by_alias=True)

    async def put_site(self, document: Mapping[str, Any]) -> None:
        self.sites.sent(ServedSite.model_validate(document))

    async def write(self, document: dict[str, Any]) -> None:
        self.configmap = document

    async def agent(self) -> Mounted:
        return self

    async def publish(self, minutes: int) -> None:
        wanted = {
            "published": True,
            "url": "https://jean-moulin.pronote.example.org/pronote",
            "espaces": ["Parents"],
            "inactivityMinutes": minutes,
            "delegations": [],
        }
        self.clock += 1000
        await bring_in_force(
            wanted, written=self.configmap, agent=self, write=self.write, milliseconds=lambda: self.clock
        )


@given(st.lists(st.booleans(), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_nothing_is_published_by_a_server_that_was_told_whenever_its_kubelet_comes(
    brought: list[bool], between: bool, gone_first: bool
) -> None:
    async def play() -> Mounted:
        base = Mounted()
        for minutes, comes in enumerate(brought, start=10):
            await base.publish(minutes)
            if comes:
                base.kubelet()
        if gone_first:  # a deleted publication
            left, base.configmap = base.configmap, None
            if between:
                base.kubelet()
            await withdraw(written=left, find=base.agent, write=None)
        else:
            await withdraw(written=base.configmap, find=base.agent, write=base.write)
            if between:
                base.kubelet()
            base.configmap = None
        assert base.sites.site is None or not base.sites.site.published
        base.kubelet()
        return base

    base = asyncio.run(play())
    assert base.sites.site is None or not base.sites.site.published


async def test_a_configmap_that_goes_takes_a_document_away_only_where_its_kubelet_had_brought_that_one() -> None:
    """Why a former base is told, and not just left without its ConfigMap."""
    base = Mounted()
    await base.publish(10)
    base.kubelet()
    await base.publish(20)
    base.configmap = None
    base.kubelet()
    assert base.sites.site is not None
    assert base.sites.site.published
