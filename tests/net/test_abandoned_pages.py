"""Pages that are opened and never logged in from: each is a session of nobody, and none costs what others need."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from pronote_server.web.dialogues import MAX_PAGES, MAX_PAGES_PER_ADDRESS
from tests.net.ill_will import ATTACKER, PARALLEL, STRANGER, VICTIM, assert_flat, memories, somebody, visits
from tests.support.net_server import PASSWORD, NetServer, site_document
from tests.support.replica import Replica
from tests.support.webclients import SessionLost, WebClient

PAGE = "viescolaire.html"
PAGES = 10_000

MANY = 2 * MAX_PAGES_PER_ADDRESS
"""Twice as many as one address may have."""

PAGE_KIB = 2
"""What a page may cost the server, measured as 1: counters, keys, a lock, and its places in two tables."""

SLACK_KIB = 4 * 1024
"""What the allocators may keep of what was done in between, in either process."""


@pytest.fixture(scope="module")
def site(net: NetServer) -> Iterator[tuple[NetServer, Replica]]:
    """A replica to which STRANGER is a proxy, that tells where its visitors come from."""
    net.publish(site_document(url="http://127.0.0.1/pronote"))
    net.add_user("dupont", "vie-scolaire")
    with Replica(net, PRONOTE_NET_TRUSTED_PROXIES=f"{STRANGER}/32") as replica:
        yield net, replica


@pytest.fixture
async def victim(site: tuple[NetServer, Replica]) -> AsyncIterator[WebClient]:
    """Somebody who is logged in, and goes on after whatever the test did."""
    async with somebody(site[1].url(PAGE)) as client:
        yield client


async def abandon(replica: Replica, source: str, visitors: Iterator[str], count: int) -> Counter[int]:
    """Open pages and do nothing with them.

    Args:
        source: address that the connections come from.
        visitors: whom they tell to come for, one after another; only a proxy is believed.

    Returns:
        How often each status was answered.
    """
    seen: Counter[int] = Counter()
    async with visits(source) as http:
        turns = iter(range(count))

        async def go_on() -> None:
            for _ in turns:
                headers = {"X-Forwarded-For": next(visitors)}
                async with http.get(replica.url(PAGE), headers=headers) as answer:
                    await answer.read()
                    seen[answer.status] += 1

        await asyncio.gather(*(go_on() for _ in range(PARALLEL)))
    return seen


def addresses(first: int) -> Iterator[str]:
    """Addresses that nobody else comes from, all different."""
    return (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in itertools.count(first))


async def test_those_from_one_address_push_out_only_each_other(
    site: tuple[NetServer, Replica], victim: WebClient
) -> None:
    server, replica = site
    async with visits(VICTIM) as http, visits(ATTACKER) as bad:
        first = WebClient(bad, replica.url(PAGE))
        await first.open()
        assert await abandon(replica, ATTACKER, addresses(0), MANY) == {200: MANY}  # nobody believes the addresses
        with pytest.raises(SessionLost):
            await first.ask("Identification", {})
        before = memories(server, replica)
        other = WebClient(http, replica.url(PAGE))
        await other.open()
        assert await abandon(replica, ATTACKER, addresses(MANY), MANY) == {200: MANY}
        assert_flat(f"{MANY} pages from one address", before, memories(server, replica), SLACK_KIB)
        await other.log_in_here("dupont", PASSWORD)


async def test_ten_thousand_from_as_many_addresses_fill_a_table_and_no_more(
    site: tuple[NetServer, Replica], victim: WebClient
) -> None:
    server, replica = site
    given = addresses(1 << 20)
    await abandon(replica, STRANGER, given, 200)  # everything is warm
    before = memories(server, replica)
    began = time.monotonic()
    seen = await abandon(replica, STRANGER, given, PAGES)
    print(f"{dict(seen)} in {time.monotonic() - began:.0f} s")
    assert seen == {200: PAGES}
    full = memories(server, replica)
    assert_flat(f"{PAGES} pages from as many addresses", before, full, MAX_PAGES * PAGE_KIB + SLACK_KIB)
    assert_flat("the replica alone", {"replica": before["replica"]}, {"replica": full["replica"]}, SLACK_KIB)
    async with visits(VICTIM) as http:
        late = WebClient(http, replica.url(PAGE))
        await late.log_in("dupont", PASSWORD)
        await late.stay()
