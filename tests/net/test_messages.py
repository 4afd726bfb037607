"""Messages of the web protocol on the port: order, retries, and what others who know a session's number can do."""

from __future__ import annotations

import pytest

from tests.net.port_client import ACCESS_REFUSED, PAGE_EXPIRED, SESSION_EXPIRED, TOO_MANY_ATTEMPTS, PortClient
from tests.support.net_server import PASSWORD, NetServer
from tests.support.webclients import SessionLost, WebClientError

NAVIGATION = {"Signature": {"onglet": 7}, "data": {"onglet": 7}}


@pytest.fixture(scope="module", autouse=True)
def teacher(net: NetServer) -> None:
    """Somebody who can log in."""
    net.add_user("durand", "enseignant")


async def _logged_in(net: NetServer) -> PortClient:
    client = PortClient(net, "Professeurs")
    await client.log_in("durand", PASSWORD)
    return client


async def test_the_same_message_again_is_given_the_same_answer(net: NetServer) -> None:
    client = await _logged_in(net)
    path, body = client.channel.sealed("ParametresUtilisateur", {})
    first = await client.post(path, body)
    assert await client.post(path, body) == first
    client.channel.opened(first)
    await client.stay()


async def test_a_login_whose_answer_was_lost_can_be_sent_again(net: NetServer) -> None:
    client = PortClient(net, "Professeurs")
    sent: list[tuple[str, object]] = []
    post = client.post

    async def twice(path: str, body: object) -> dict[str, object]:
        sent.append((path, body))
        await post(path, body)
        return await post(path, body)

    client.post = twice  # type: ignore[method-assign]
    await client.log_in("durand", PASSWORD)
    await client.stay()
    assert len({path for path, _ in sent}) == len(sent)


async def test_a_number_that_was_used_is_refused_with_another_body_or_later(net: NetServer) -> None:
    client = await _logged_in(net)
    path, body = client.channel.sealed("Navigation", NAVIGATION)
    client.channel.opened(await client.post(path, body))
    other = client.channel.sealed("ParametresUtilisateur", {})[1]
    assert await client.code_of(path, {**other, "no": body["no"]}) == PAGE_EXPIRED
    await client.stay()
    assert await client.code_of(path, body) == PAGE_EXPIRED
    await client.stay()


async def test_a_message_that_was_lost_on_its_way_leaves_a_gap(net: NetServer) -> None:
    client = await _logged_in(net)
    earlier = client.channel.sealed("Navigation", NAVIGATION)
    client.channel.order += 2
    await client.stay()
    assert await client.code_of(*earlier) == PAGE_EXPIRED
    await client.stay()


@pytest.mark.parametrize("step", [-2, -1, 1, 1000])
async def test_a_wrong_number_is_refused_and_ends_nothing(net: NetServer, step: int) -> None:
    client = await _logged_in(net)
    client.channel.order += step
    path, body = client.channel.sealed("Navigation", NAVIGATION)
    assert await client.code_of(path, body) == PAGE_EXPIRED
    client.channel.order -= step
    await client.stay()


async def test_who_knows_the_number_of_a_session_can_neither_take_nor_end_it(net: NetServer) -> None:
    client = await _logged_in(net)
    stranger = PortClient(net, "Professeurs", visitor="198.51.100.7")
    stranger.take(
        {"session": client.channel.session, "espaceId": 1, "encrypted": True, "compressed": True},
    )
    for order in range(1, 12, 2):
        stranger.channel.order = order
        for name in ("FonctionParametres", "Navigation", "Authentification", "SaisieDeconnexion"):
            assert await stranger.code_of(*stranger.channel.sealed(name, {})) == PAGE_EXPIRED
    await client.stay()


async def test_what_needs_a_login_is_refused_without_one(net: NetServer) -> None:
    client = PortClient(net, "Professeurs")
    await client.open()
    for name in ("ParametresUtilisateur", "Navigation", "PageEmploiDuTemps", "Authentification", "NoSuchFunction"):
        with pytest.raises(WebClientError) as refused:
            await client.ask(name)
        assert refused.value.code == ACCESS_REFUSED
        client.channel.order += 2


async def test_a_page_begins_a_few_logins_only(net: NetServer) -> None:
    client = PortClient(net, "Professeurs")
    await client.open()
    codes = []
    for _ in range(6):
        codes.append(
            await client.code_of(*client.channel.sealed("Identification", {"data": {"identifiant": "durand"}}))
        )
        client.channel.order += 2
    assert codes == [0] * 5 + [TOO_MANY_ATTEMPTS]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("1/4503599627370496/3fa959b13967e0ef176069e01e23c8d7", SESSION_EXPIRED),
        ("99/4503599627370496/00", PAGE_EXPIRED),
        ("1/-1/00", PAGE_EXPIRED),
        ("1/99999999999999999999/00", PAGE_EXPIRED),
        ("x/y/z", PAGE_EXPIRED),
        ("%C3%A9/%00/%F0%9F%92%A9", PAGE_EXPIRED),
    ],
)
async def test_a_session_that_is_none_has_expired(net: NetServer, path: str, code: int) -> None:
    assert await PortClient(net, "Professeurs").code_of(path, {}) == code


async def test_a_session_is_of_its_own_espace_only(net: NetServer) -> None:
    client = await _logged_in(net)
    client.channel.espace = "3"
    with pytest.raises(SessionLost):
        await client.stay()


async def test_malformed_and_oversized_bodies_end_nothing(net: NetServer) -> None:
    client = await _logged_in(net)
    path = "/net/v1/calls/" + client.channel.sealed("Navigation", {})[0].removeprefix("appelfonction/")
    assert net.net("POST", path, b"{" * 65536 + b"}").status == 413
    await client.stay()
    for body in (b"", b"[[[[", b"\xff" * 100, b'{"id":"Navigation","dataSec":"zz"}', b"[" * 60_000):
        path = "/net/v1/calls/" + client.channel.sealed("Navigation", {})[0].removeprefix("appelfonction/")
        answer = net.net("POST", path, body)
        assert (answer.status, answer.json["Erreur"]["G"]) == (200, PAGE_EXPIRED)
        client.channel.order += 2
    await client.stay()


async def test_logging_out_ends_the_connection(net: NetServer) -> None:
    client = await _logged_in(net)
    before = net.metric("pronote_connections", espace="Professeurs")
    await client.ask("SaisieDeconnexion")
    assert net.metric("pronote_connections", espace="Professeurs") == before - 1
    with pytest.raises(SessionLost):
        await client.stay()
