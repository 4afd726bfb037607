"""Who may come in on PRONOTE.net: addresses, licences, locked users; and what counts as a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import default_settings, wait_until
from tests.net.port_client import PortClient
from tests.support.net_server import PASSWORD, NetServer
from tests.support.webclients import LoginRefused, SessionLost, WebClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    NewNet = Callable[..., NetServer]


async def test_wrong_logins_of_both_ways_suspend_the_visitors_address(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    staying = PortClient(server, "Professeurs", visitor="192.0.2.99")
    await staying.log_in("durand", PASSWORD)
    for attempt in range(5):
        assert server.enter("durand", "Professeurs", password="wrong").status == 401
        with pytest.raises(LoginRefused):
            await PortClient(server, "Professeurs").log_in("durand" if attempt % 2 else "nobody", "wrong")
    for answer in (
        server.net("POST", "/net/v1/pages", {"espace": "Professeurs"}),
        server.enter("durand", "Professeurs"),
        server.net("POST", "/net/v1/calls/1/1/00", {}),
    ):
        assert (answer.status, answer.json["reason"]) == (429, "AddressSuspended")
    assert [one["address"] for one in server.admin("GET", "/v1/blocked-addresses").json["blockedAddresses"]] == [
        "192.0.2.10"
    ]
    assert server.metric("pronote_blocked_addresses") == 1
    await staying.stay()
    assert server.admin("DELETE", "/v1/blocked-addresses/192.0.2.10").status == 204
    assert server.enter("durand", "Professeurs").status == 200


async def test_a_prohibited_address_ends_its_sessions(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    client = PortClient(server, "Professeurs", visitor="198.51.100.7")
    await client.log_in("durand", PASSWORD)
    browser = server.enter("durand", "Professeurs", visitor="192.0.2.10").json["token"]
    settings = default_settings()
    settings["security"]["prohibitedAddresses"] = ["198.51.100.0/24"]
    server.volume.write_settings(settings)
    wait_until(lambda: server.metric("pronote_connections", espace="Professeurs") == 1)
    with pytest.raises(WebClientError, match="AddressProhibited"):
        await client.stay()
    assert server.net("POST", "/net/v1/pages", {"espace": "Eleves"}, visitor="198.51.100.7").status == 403
    assert server.net("GET", "/net/v1/session", session=browser).status == 200


async def test_a_page_is_no_connection_and_takes_no_licence(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    settings = default_settings()
    settings["licences"]["teachers"] = 1
    server.volume.write_settings(settings)
    for _ in range(20):
        await PortClient(server, "Professeurs").open()
    wait_until(lambda: server.admin("GET", "/v1/connections").json["licences"]["teachers"]["limit"] == 1)
    assert server.admin("GET", "/v1/connections").json["connections"] == []
    await PortClient(server, "Professeurs").log_in("durand", PASSWORD)
    assert server.metric("pronote_licences_used", mode="enseignant") == 1
    full = server.enter("durand", "Professeurs")
    assert (full.status, full.json["reason"]) == (409, "LicenceFull")
    with pytest.raises(LoginRefused):
        await PortClient(server, "Professeurs").log_in("durand", PASSWORD)
    (connection,) = server.admin("GET", "/v1/connections").json["connections"]
    assert {name: connection[name] for name in ("application", "mode", "espace", "address", "machine")} == {
        "application": "PRONOTE.net",
        "mode": "enseignant",
        "espace": "Professeurs",
        "address": "192.0.2.10",
        "machine": "",
    }
    results = {"success": 1, "licence": 2}
    for result, count in results.items():
        assert server.metric("pronote_logins_total", espace="Professeurs", result=result) == count


@pytest.mark.parametrize("command", [("lock", "durand"), ("delete", "durand")])
async def test_a_user_who_is_locked_or_deleted_is_out_at_the_next_call(
    new_net: NewNet, command: tuple[str, str]
) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    client = PortClient(server, "Professeurs")
    await client.log_in("durand", PASSWORD)
    browser = server.enter("durand", "Professeurs").json["token"]
    server.run("user", *command)
    with pytest.raises(SessionLost):
        await client.stay()
    assert server.net("GET", "/net/v1/session", session=browser).json["reason"] == "SessionExpired"
    assert server.metric("pronote_connections", espace="Professeurs") == 0


async def test_an_administrator_can_end_a_connection(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    client = PortClient(server, "Professeurs")
    await client.log_in("durand", PASSWORD)
    (connection,) = server.admin("GET", "/v1/connections").json["connections"]
    assert server.admin("DELETE", f"/v1/connections/{connection['id']}").status == 204
    with pytest.raises(SessionLost):
        await client.stay()


def test_a_session_in_a_browser_ends_by_logging_out(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    entered = server.enter("durand", "Professeurs").json
    session = server.net("GET", "/net/v1/session", session=entered["token"]).json
    assert (session["espace"], session["csrf"], session["inactivityMinutes"]) == ("Professeurs", entered["csrf"], 60)
    assert server.net("DELETE", "/net/v1/session", session=entered["token"]).status == 204
    assert server.net("GET", "/net/v1/session", session=entered["token"]).json["reason"] == "SessionExpired"


def test_a_clients_session_is_none_of_a_browser_nor_the_other_way_round(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    client = server.log_in("durand", PASSWORD, "enseignant").json["session"]
    browser = server.enter("durand", "Professeurs").json["token"]
    assert server.net("GET", "/net/v1/session", session=client).status == 401
    assert server.client("GET", "/client/v1/whoami", session=browser).status == 401


async def test_names_that_nobody_has_look_like_names_that_somebody_has(new_net: NewNet) -> None:
    server = new_net()
    server.add_user("durand", "enseignant")
    answers: dict[str, str] = {}
    for name in ("durand", "nobody", "durand", "nobody"):
        client = PortClient(server, "Professeurs")
        await client.open()
        found = await client.ask("Identification", {"identifiant": name, "pourENT": False})
        assert len(found["challenge"]) == 96
        assert (len(found["alea"]), set(found)) == (32, {"alea", "challenge", "modeCompLog", "modeCompMdp"})
        assert answers.setdefault(name, found["alea"]) == found["alea"]
    assert answers["durand"] != answers["nobody"]
