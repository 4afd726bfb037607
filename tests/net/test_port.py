"""The port for PRONOTE.net: who may speak on it, and what is published."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import wait_until
from tests.net.port_client import PortClient
from tests.support.net_server import ESPACES, PASSWORD, TOKEN, NetServer, site_document
from tests.support.webclients import WebClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    NewNet = Callable[..., NetServer]


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "x"])
def test_who_does_not_show_the_token_is_answered_nothing(net: NetServer, token: str) -> None:
    for path in ("/net/v1/site", "/net/v1/session", "/nowhere"):
        answer = net.net("GET", path, token=token)
        assert (answer.status, answer.json["reason"]) == (401, "WrongToken")


def test_a_new_token_is_taken_and_the_earlier_one_still_for_a_while(new_net: NewNet) -> None:
    server = new_net()
    key = base64.b64encode(bytes(range(32))).decode()
    server.volume.write_mounted(server.volume.root / "net", {"token": "another-token-of-the-base", "verifier-key": key})
    wait_until(lambda: server.net("GET", "/net/v1/site", token="another-token-of-the-base").status == 200)
    assert server.net("GET", "/net/v1/site").status == 200


def test_without_its_variable_there_is_no_port(new_net: NewNet) -> None:
    server = new_net(PRONOTE_NET_PORT="")
    assert server.extra["PRONOTE_NET_PORT"] == ""
    opened = {server.client_port, server.admin_port}
    assert all(_is_open(port) for port in opened)
    assert "net" not in {line.split('listener="')[1][:3] for line in _listeners(server)}


def _listeners(server: NetServer) -> list[str]:
    lines = server.admin("GET", "/metrics").body.decode().splitlines()
    return [line for line in lines if line.startswith("pronote_http_requests_total{")]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_site_is_shown_with_the_name_of_the_school(net: NetServer) -> None:
    site = net.net("GET", "/net/v1/site").json
    assert site["espaces"] == list(ESPACES)
    assert (site["uai"], site["displayName"], site["schoolYear"]) == ("0750654D", "Collège Jean Moulin", 2026)


def test_every_espace_opens_a_page_with_its_number(net: NetServer) -> None:
    numbers = set()
    for name, number in ESPACES.items():
        page = net.net("POST", "/net/v1/pages", {"espace": name}).json
        assert page["espaceId"] == number
        assert int(page["session"]) < 2**53
        numbers.add(page["session"])
    assert len(numbers) == len(ESPACES)


@pytest.mark.parametrize(
    "change",
    [
        {"published": "yes"},
        {"revision": -1},
        {"url": "javascript:alert(1)"},
        {"espaces": ["Cantine"]},
        {"inactivityMinutes": 0},
        {"delegations": [{"name": "x", "casUrl": "ftp://x", "espaces": ["Eleves"]}]},
    ],
)
def test_a_site_that_is_not_valid_changes_nothing(net: NetServer, change: dict[str, object]) -> None:
    before = net.admin("GET", "/v1/site").json
    assert net.publish(site_document(**change)).status == 400
    assert net.admin("GET", "/v1/site").json == before


def test_the_higher_revision_is_in_force_whichever_way_it_came(new_net: NewNet) -> None:
    server = new_net()
    sent = server.admin("GET", "/v1/site").json
    assert server.publish({**sent, "revision": sent["revision"] - 1, "published": False}).json == sent
    mounted = {**sent, "revision": sent["revision"] + 5, "espaces": ["Eleves"]}
    folder = server.volume.root / "site"
    server.volume.write_mounted(folder, {"site.json": _text(mounted)})
    wait_until(lambda: server.admin("GET", "/v1/site").json["revision"] == mounted["revision"])
    server.volume.write_mounted(folder, {"site.json": _text({**sent, "revision": 1})})
    wait_until(lambda: server.admin("GET", "/v1/site").json["revision"] == sent["revision"])


def _text(document: object) -> str:
    import json

    return json.dumps(document)


def test_before_a_site_has_come_there_is_none(new_net: NewNet) -> None:
    server = new_net()
    fresh = NetServer(server.command, server.volume, server.extra)
    server.stop()
    fresh.start()
    try:
        assert fresh.net("GET", "/net/v1/site").json["reason"] == "NothingPublished"
        assert fresh.net("POST", "/net/v1/pages", {"espace": "Eleves"}).json["reason"] == "NotPublished"
    finally:
        fresh.kill()


async def test_what_is_not_published_answers_503_and_ends_no_session(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    browser = server.enter("durand", "Professeurs").json["token"]
    client = PortClient(server, "Professeurs")
    await client.log_in("durand", PASSWORD)
    seen = _last_seen(server)
    for change, reason in (({"published": False}, "NotPublished"), ({"espaces": ["Eleves"]}, "EspaceNotPublished")):
        server.publish(site_document(**change))
        for answer in (
            server.net("POST", "/net/v1/pages", {"espace": "Professeurs"}),
            server.net("GET", "/net/v1/session", session=browser),
            server.enter("durand", "Professeurs"),
        ):
            assert (answer.status, answer.json["reason"]) == (503, reason)
        with pytest.raises(WebClientError, match=reason):
            await client.stay()
    assert _last_seen(server) == seen
    server.publish(site_document())
    await client.stay()
    assert server.net("GET", "/net/v1/session", session=browser).status == 200


def _last_seen(server: NetServer) -> list[str]:
    return [one["lastSeenTime"] for one in server.admin("GET", "/v1/connections").json["connections"]]
