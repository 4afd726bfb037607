"""What ill will cannot do at the real port: forge an address, take a session over, fill the memory, end a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pronote_server.bodies import MAX_BODY_BYTES
from tests.net.ill_will import ATTACKER, PARALLEL, STRANGER, VICTIM, assert_flat, memories, somebody, visits
from tests.support.net_server import NetServer, site_document
from tests.support.replica import Replica
from tests.support.webclients import Channel, SessionLost, WebClient, WebClientError, encrypt

PLAIN = "http://127.0.0.1/pronote"
PAGE = "viescolaire.html"
WRONG_LOGINS = 10_000

SUSPENDED_AFTER = 10
"""Wrong logins, at the level Medium."""


@pytest.fixture(scope="module")
def site(net: NetServer) -> Iterator[tuple[NetServer, Replica]]:
    net.publish(site_document(url=PLAIN))
    net.add_user("dupont", "vie-scolaire")
    with Replica(net) as replica:
        yield net, replica


@pytest.fixture
async def victim(site: tuple[NetServer, Replica]) -> AsyncIterator[WebClient]:
    """Somebody who is logged in, and goes on after whatever the test did."""
    async with somebody(site[1].url(PAGE)) as client:
        yield client


async def wrong_login(http: aiohttp.ClientSession, url: str, **headers: str) -> int:
    """Try a wrong password by the protocol; the HTTP status at which it ended."""
    client = WebClient(http, url, headers)
    try:
        await client.log_in("dupont", "not the password")
    except WebClientError as error:
        return error.status
    raise AssertionError("a wrong password was let in")


# Addresses.


async def test_a_forged_address_is_not_believed(site: tuple[NetServer, Replica]) -> None:
    server, replica = site
    async with visits(ATTACKER) as http:
        seen = [
            await wrong_login(http, replica.url(PAGE), **{"X-Forwarded-For": f"203.0.113.{number}"})
            for number in range(SUSPENDED_AFTER + 1)
        ]
        assert seen == [200] * SUSPENDED_AFTER + [429]
    try:
        (blocked,) = server.admin("GET", "/v1/blocked-addresses").json["blockedAddresses"]
        assert blocked["address"] == ATTACKER
        async with visits(VICTIM) as http:
            forged = {"X-Forwarded-For": ATTACKER, "X-Visitor-Address": ATTACKER}
            async with http.get(replica.url(PAGE), headers=forged) as answer:
                assert answer.status == 200, "a visitor was taken for another"
    finally:
        release(server, ATTACKER)


async def test_behind_a_proxy_only_its_own_word_counts(site: tuple[NetServer, Replica]) -> None:
    server, _ = site
    with Replica(server, PRONOTE_NET_TRUSTED_PROXIES=f"{STRANGER}/32") as replica:
        async with visits(STRANGER) as http:
            for number in range(SUSPENDED_AFTER):
                told = f"203.0.113.{number}, 198.51.100.7"
                await wrong_login(http, replica.url(PAGE), **{"X-Forwarded-For": told})
        (blocked,) = server.admin("GET", "/v1/blocked-addresses").json["blockedAddresses"]
        release(server, blocked["address"])
    assert blocked["address"] == "198.51.100.7"


def release(server: NetServer, address: str) -> None:
    server.admin("DELETE", f"/v1/blocked-addresses/{address}")


# Sessions.


async def test_nobody_goes_on_in_a_session_whose_number_they_know(
    site: tuple[NetServer, Replica], victim: WebClient
) -> None:
    channel = victim.channel
    async with visits(ATTACKER) as http:
        thief = WebClient(http, site[1].url(PAGE))
        for order in (channel.order, channel.order + 2, channel.order + 20, 1, 0):
            for key in (b"", secrets.token_bytes(16)):
                forged = Channel(channel.session, channel.espace, channel.encrypted, channel.compressed)
                forged.order = order
                if key:
                    forged.key = key
                with pytest.raises(SessionLost):
                    await thief.post(*forged.sealed("ParametresUtilisateur", {}))
    await victim.stay()


async def test_a_message_that_is_sent_again_tells_nothing_new_and_does_nothing_twice(
    site: tuple[NetServer, Replica], victim: WebClient
) -> None:
    path, body = victim.channel.sealed("Navigation", {"data": {"onglet": 7, "ongletPrec": 7}})
    first = await victim.post(path, body)
    async with visits(ATTACKER) as http:
        thief = WebClient(http, site[1].url(PAGE))
        assert await thief.post(path, body) == first, "sealed with the victim's key, as it was the first time"
        with pytest.raises(SessionLost):  # the number once more, for something else
            await thief.post(path, {**body, "id": "ParametresUtilisateur"})
        victim.channel.opened(first)
        await victim.stay()
        with pytest.raises(SessionLost):  # a number that was passed
            await thief.post(path, body)


# Amounts.


async def test_ten_thousand_wrong_logins_from_one_address(site: tuple[NetServer, Replica], victim: WebClient) -> None:
    server, replica = site
    async with visits(ATTACKER) as http:
        seen: Counter[int] = Counter()
        ended = asyncio.Event()
        waits: list[float] = []

        async def go_on() -> None:
            while not ended.is_set():
                began = time.monotonic()
                await victim.stay()
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.2)

        async def attack(times: int) -> None:
            for _ in range(times):
                seen[await wrong_login(http, replica.url(PAGE))] += 1

        await asyncio.gather(*(attack(25) for _ in range(PARALLEL)))  # everything is warm
        seen.clear()
        before = memories(server, replica)
        going_on = asyncio.create_task(go_on())
        began = time.monotonic()
        await asyncio.gather(*(attack(WRONG_LOGINS // PARALLEL) for _ in range(PARALLEL)))
        seconds = time.monotonic() - began
        ended.set()
        await going_on
    after = memories(server, replica)
    print(f"{dict(seen)} in {seconds:.0f} s; the victim waited {max(waits):.2f} s at most")
    release(server, ATTACKER)
    assert sum(seen.values()) == WRONG_LOGINS
    assert set(seen) == {429}
    assert max(waits) < 5
    assert_flat("10,000 wrong logins", before, after)


@pytest.mark.parametrize("path", ["viescolaire/entrer", "appelfonction/13/{session}/{number}"])
@pytest.mark.parametrize("size", [3 * 1024**2, 64 * 1024**2])
async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    site: tuple[NetServer, Replica], victim: WebClient, path: str, size: int
) -> None:
    server, replica = site
    before = memories(server, replica)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(size // 65536):
            yield b"x" * 65536

    where = path.format(session=victim.channel.session, number=victim.channel.number)
    async with visits(ATTACKER) as http:
        for body in (stream(), b"x" * size):
            # It may hang up, which is a refusal too.
            with contextlib.suppress(aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                async with http.post(replica.url(where), data=body) as answer:
                    assert answer.status in (400, 403, 413, 415), await answer.text()
    assert_flat(f"{size // 1024**2} MiB", before, memories(server, replica))


def test_a_replica_and_the_server_take_messages_of_the_same_size(site: tuple[NetServer, Replica]) -> None:
    server, replica = site
    for size, status in ((MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)):
        body = b"x" * size
        assert requests.post(replica.url("appelfonction/13/1/ab"), data=body, timeout=20).status_code == status
        assert server.net("POST", "/net/v1/calls/13/1/ab", body).status == status


# Nonsense.

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["FonctionParametres", "Identification", "Authentification", "ParametresUtilisateur", "PageEmploiDuTemps"]
)
SEALED = st.binary(max_size=200).map(lambda raw: raw.hex().upper())
MESSAGES = st.fixed_dictionaries(
    {"session": JSON, "no": JSON | SEALED, "id": NAMES | JSON, "dataSec": SEALED | JSON},
    optional={"nom": JSON, "data": JSON},
)
BODIES = (
    st.binary(max_size=400)
    | JSON.map(lambda value: json.dumps(value).encode())
    | MESSAGES.map(lambda value: json.dumps(value).encode())
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, right_number=st.booleans(), espace=st.sampled_from(["13", "3", "99", "x", "-1"]), data=JSON)
def test_nonsense_is_refused_and_ends_nothing(
    site: tuple[NetServer, Replica], body: bytes, right_number: bool, espace: str, data: Any
) -> None:
    server, replica = site

    async def send() -> None:
        async with visits(STRANGER) as http:
            client = WebClient(http, replica.url(PAGE))
            await client.open()
            channel = client.channel
            number = channel.number if right_number else body[:20].hex() or "0"
            target = f"appelfonction/{espace}/{channel.session}/{number}"
            async with http.post(replica.url(target), data=body) as answer:
                await answer.read()
                assert answer.status < 500, (answer.status, await answer.text())
            # The same session, its own key, and data of any kind where a name and a proof should be.
            channel.order += 2
            for name in ("Identification", "Authentification", "Navigation"):
                path, message = channel.sealed(name, {"data": data})
                async with http.post(replica.url(path), json=message) as answer:
                    await answer.read()
                    assert answer.status < 500, (name, answer.status, await answer.text())
                channel.order += 2

    asyncio.run(send())
    memories(server, replica)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(max_size=60), query=st.text(max_size=60), cookie=st.binary(max_size=60))
def test_addresses_of_any_kind_are_answered(
    site: tuple[NetServer, Replica], path: str, query: str, cookie: bytes
) -> None:
    server, replica = site

    async def ask() -> None:
        async with visits(STRANGER) as http:
            headers = {"Cookie": f"pronote-viescolaire={cookie.hex()}"}
            async with http.get(replica.url(), params={"ticket": query, "login": path}, headers=headers) as answer:
                assert answer.status < 500
            async with http.get(replica.url(PAGE), params={"ticket": query}, headers=headers) as answer:
                assert answer.status < 500
            async with http.get(replica.url(f"viescolaire/{path.encode().hex()}"), headers=headers) as answer:
                assert answer.status < 500

    asyncio.run(ask())
    memories(server, replica)


async def test_a_number_that_is_not_the_sessions_own_changes_nothing(
    site: tuple[NetServer, Replica], victim: WebClient
) -> None:
    channel = victim.channel
    async with visits(ATTACKER) as http:
        thief = WebClient(http, site[1].url(PAGE))
        for raw in (b"", b"0", b"-1", b"9" * 400, "١".encode(), b"1e9", b" 1"):
            number = encrypt(secrets.token_bytes(16), channel.vector, raw).hex()
            with pytest.raises(WebClientError):
                await thief.post(f"appelfonction/{channel.espace}/{channel.session}/{number}", {})
    await victim.stay()
