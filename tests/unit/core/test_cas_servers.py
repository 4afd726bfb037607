"""Each CAS server is asked once for all who need it, rarely while it answers and often while it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pronote_operator.handlers.cas_servers import AT_ONCE, CasServers
from pronote_operator.handlers.keys import Key
from pronote_operator.planning.delegation import CasServer
from pronote_operator.planning.reachability import (
    REACHABLE_SECONDS,
    UNREACHABLE_SECONDS,
    Reach,
    answered,
    not_trusted,
    timed_out,
)


def key(name: str) -> Key:
    return Key("CasDelegation", "schools", name)


ENT = CasServer("https://ent.example.org/cas", None)
OWN = CasServer("https://cas.example.org", "PEM")


class World:
    """CAS servers that answer what a test says, and a clock that it sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.says: Reach = answered(200)
        self.asked: list[CasServer] = []
        self.marked: list[Key] = []
        self.at_once = self.most_at_once = 0
        self.servers = CasServers(ask=self.ask, mark=self.marked.append, clock=lambda: self.now)

    async def ask(self, server: CasServer) -> Reach:
        self.asked.append(server)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return self.says

    async def at(self, now: float) -> int:
        """Let time come to `now`; how many requests that made."""
        before, self.now = len(self.asked), now
        # The clock is not the loop's: what is due is found when the loop of rounds wakes up.
        self.servers._changed.set()
        for _ in range(50):
            await asyncio.sleep(0)
        return len(self.asked) - before


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    task = asyncio.create_task(world.servers.run())
    yield world
    task.cancel()


async def test_one_server_is_asked_once_for_all_who_need_it(world: World) -> None:
    for name in "abc":
        assert world.servers.use(key(name), ENT, "my-ent") is None
    assert await world.at(0) == 1
    assert sorted(world.marked) == [key("a"), key("b"), key("c")]
    assert world.servers.use(key("a"), ENT, "my-ent") == answered(200)
    assert world.servers.by_ent() == {"my-ent": True}


async def test_one_url_with_other_certificates_is_another_server(world: World) -> None:
    world.servers.use(key("a"), ENT)
    world.servers.use(key("b"), CasServer(ENT.url, "PEM"))
    assert await world.at(0) == 2


async def test_it_is_asked_again_after_minutes_while_it_answers(world: World) -> None:
    world.servers.use(key("a"), ENT)
    await world.at(0)
    world.marked.clear()
    assert await world.at(REACHABLE_SECONDS * 0.89) == 0
    assert await world.at(REACHABLE_SECONDS * 1.11) == 1
    assert world.marked == [], "nothing changed"


async def test_it_is_asked_again_soon_while_it_does_not(world: World) -> None:
    world.says = timed_out()
    world.servers.use(key("a"), ENT, "my-ent")
    await world.at(0)
    assert world.servers.by_ent() == {"my-ent": False}
    world.says = answered(302)
    world.marked.clear()
    assert await world.at(UNREACHABLE_SECONDS * 0.89) == 0
    assert await world.at(UNREACHABLE_SECONDS * 1.11) == 1
    assert world.marked == [key("a")]
    assert world.servers.by_ent() == {"my-ent": True}


async def test_another_reason_is_news(world: World) -> None:
    world.says = timed_out()
    world.servers.use(key("a"), ENT)
    await world.at(0)
    world.marked.clear()
    world.says = not_trusted(10)
    await world.at(UNREACHABLE_SECONDS * 2)
    assert world.marked == [key("a")]


async def test_with_each_round_certificates_are_looked_at_again(world: World) -> None:
    world.servers.use(key("a"), OWN)
    await world.at(0)
    world.marked.clear()
    await world.at(REACHABLE_SECONDS * 2)
    assert world.marked == [key("a")]


async def test_a_server_that_nobody_needs_is_asked_no_more(world: World) -> None:
    world.servers.use(key("a"), ENT, "my-ent")
    world.servers.use(key("b"), ENT, "my-ent")
    await world.at(0)
    world.servers.use(key("a"), OWN)
    world.servers.forget(key("b"))
    assert await world.at(REACHABLE_SECONDS * 2) == 1
    assert world.asked[-1] == OWN
    assert world.servers.by_ent() == {}


async def test_only_some_are_asked_at_once(world: World) -> None:
    for number in range(3 * AT_ONCE):
        world.servers.use(key(str(number)), CasServer(f"https://cas{number}.example.org", None))
    assert await world.at(0) == 3 * AT_ONCE
    assert world.most_at_once == AT_ONCE


async def test_own_servers_are_counted_and_not_named(world: World) -> None:
    world.says = timed_out()
    world.servers.use(key("a"), OWN)
    world.servers.use(key("b"), ENT, "my-ent")
    assert world.servers.own_unreachable() == 0
    await world.at(0)
    assert world.servers.own_unreachable() == 1
    assert world.servers.by_ent() == {"my-ent": False}
