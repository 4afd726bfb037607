"""Validated tickets on the port: whom they are for, and what they give, once."""

from __future__ import annotations

import base64
import hashlib
import itertools
from typing import Any

import pytest

from tests.net.port_client import PortClient
from tests.net.school import MOTHER, PUPIL, install_school
from tests.support.net_server import PASSWORD, NetServer, site_document
from tests.support.webclients import LoginRefused

CAS = "https://cas.example.org/cas"
ZOE = {"nom": ["Lefevre Duc"], "prenom": ["ZOÉ"], "dateNaissance": ["03/02/2015"], "categories": ["National_1"]}
ANNE = {"nom": ["Duc"], "prenom": ["Anne Laure"], "codePostal": ["75012"], "categories": ["National_2"]}
tickets = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def school(net: NetServer) -> None:
    """The small school."""
    install_school(net)


def _publish(net: NetServer, by: str = "Identity", direct: bool = True) -> None:
    delegation = {
        "name": "ent",
        "casUrl": CAS,
        "protocol": "CAS3",
        "caBundle": None,
        "espaces": ["Parents", "Eleves"],
        "direct": direct,
        "identification": {"by": by},
    }
    assert net.publish(site_document(delegations=[delegation])).status == 200


def _show(net: NetServer, espace: str, attributes: dict[str, list[str]], user: str = "", ticket: str = "") -> Any:
    number = next(tickets)
    body = {
        "espace": espace,
        "delegation": "ent",
        "ticket": ticket or f"ST-{number}",
        "user": user or f"account-{number}",
        "attributes": attributes,
    }
    return net.net("POST", "/net/v1/cas-logins", body)


@pytest.mark.parametrize(
    ("espace", "attributes", "outcome"),
    [
        ("Eleves", ZOE, "Known"),
        ("Eleves", {**ZOE, "dateNaissance": ["2015-02-03"], "uai": ["0750654D", "0920131T"]}, "Known"),
        ("Parents", ANNE, "Known"),
        ("Parents", {**ANNE, "categories": ["National_3;National_2"]}, "Known"),
        ("Eleves", {"FrEduVecteur": ["4|||701|0750654D"]}, "Known"),
        ("Parents", {"FrEduVecteur": ["2|DUC|Anne-Laure|9|0920131T", "2|DUC|Anne-Laure|702|0750654D"]}, "Known"),
        ("Eleves", {**ZOE, "dateNaissance": ["04/02/2015"]}, "Unknown"),
        ("Eleves", {**ZOE, "categories": ["National_3"]}, "Unknown"),
        ("Eleves", {**ZOE, "ESCOUAI": ["0920131T"]}, "Unknown"),
        ("Eleves", {**ZOE, "nom": ["LEFEVRE DUC", "AUTRE"]}, "Unknown"),
        ("Parents", ZOE, "Unknown"),
        ("Parents", {**ANNE, "codePostal": ["69001"]}, "Unknown"),
        ("Parents", {"FrEduVecteur": ["2|DUC|Anne-Laure|703|0750654D"]}, "Unknown"),
        ("Parents", {"FrEduVecteur": ["2|||701|0750654D"]}, "Unknown"),
        ("Eleves", {"FrEduVecteur": ["4|||701|0920131T"]}, "Unknown"),
        ("Eleves", {}, "Unknown"),
    ],
)
def test_who_is_found_by_identity(net: NetServer, espace: str, attributes: dict[str, list[str]], outcome: str) -> None:
    _publish(net)
    assert _show(net, espace, attributes).json["outcome"] == outcome


def test_who_is_found_by_pronotes_identifier(net: NetServer) -> None:
    _publish(net, "PronoteId")
    assert _show(net, "Eleves", {"idPronote": ["A8BT6EGHDW3QFPX1"]}).json["outcome"] == "Known"
    assert _show(net, "Eleves", {"idPronote": ["A8BT6EGHDW3QFPX2"]}).json["outcome"] == "Unknown"
    assert _show(net, "Eleves", ZOE).json["outcome"] == "Unknown"


def test_an_account_that_was_found_once_is_known_by_its_name(net: NetServer) -> None:
    _publish(net)
    assert _show(net, "Eleves", {}, user="zoe.ent").json["outcome"] == "Unknown"
    assert _show(net, "Eleves", ZOE, user="zoe.ent").json["outcome"] == "Known"
    assert _show(net, "Eleves", {}, user="zoe.ent").json["outcome"] == "Known"


async def test_a_one_time_login_lets_either_client_in_once(net: NetServer) -> None:
    _publish(net, direct=False)
    found = _show(net, "Eleves", ZOE).json
    client = PortClient(net, "Eleves")
    client.take(found)
    await _enter(client, found["login"], found["password"])
    await client.stay()
    body = {"espace": "Eleves", "login": found["login"], "password": found["password"]}
    assert net.net("POST", "/net/v1/one-time-logins", body).status == 401
    found = _show(net, "Eleves", ZOE).json
    body = {"espace": "Eleves", "login": found["login"], "password": found["password"]}
    token = net.net("POST", "/net/v1/one-time-logins", body).json["token"]
    assert net.net("GET", "/net/v1/session", session=token).json["displayName"] == "LEFÈVRE-DUC Zoé"
    client = PortClient(net, "Eleves")
    client.take(found)
    with pytest.raises(LoginRefused):
        await _enter(client, found["login"], found["password"])
    direct = net.net("POST", "/net/v1/pages", {"espace": "Eleves"})
    assert (direct.status, direct.json["reason"]) == (403, "DirectLoginNotAllowed")
    assert net.enter(PUPIL, "Eleves").json["reason"] == "DirectLoginNotAllowed"


async def _enter(client: PortClient, login: str, password: str) -> None:

    vector = bytes(range(16))
    digest = hashlib.md5(vector, usedforsecurity=False).digest()
    await client.ask("FonctionParametres", {"Uuid": base64.b64encode(vector).decode()}, vector=digest)
    asked = await client._identify(login, ent=True)
    text = hashlib.sha256(password.encode()).hexdigest().upper()
    await client._prove(asked, hashlib.md5(text.encode(), usedforsecurity=False).digest())


def test_a_ticket_is_taken_once(net: NetServer) -> None:
    _publish(net)
    assert _show(net, "Eleves", ZOE, ticket="ST-same").status == 200
    again = _show(net, "Eleves", ZOE, ticket="ST-same")
    assert (again.status, again.json["reason"]) == (409, "TicketUsed")


def test_a_first_login_ties_the_account_and_its_link_is_good_once(net: NetServer) -> None:
    _publish(net, "FirstLogin", direct=False)
    first = _show(net, "Parents", ANNE, user="anne.ent").json
    assert first["outcome"] == "FirstLogin"
    body = {"espace": "Parents", "username": MOTHER, "password": "wrong", "link": first["link"]}
    assert net.net("POST", "/net/v1/logins", body).json["reason"] == "WrongCredentials"
    body["password"] = PASSWORD
    assert net.net("POST", "/net/v1/logins", {**body, "espace": "Eleves"}).json["reason"] == "SessionExpired"
    assert net.net("POST", "/net/v1/logins", body).status == 200
    assert net.net("POST", "/net/v1/logins", body).json["reason"] == "SessionExpired"
    assert _show(net, "Parents", {}, user="anne.ent").json["outcome"] == "Known"


def test_pages_in_a_browser_show_the_own_children_only(net: NetServer) -> None:
    _publish(net)
    token = net.enter(MOTHER, "Parents").json["token"]
    children = net.net("GET", "/net/v1/session", session=token).json["children"]
    assert [child["id"] for child in children] == [1, 2]
    for path in ("timetable?monday=2026-08-31&", "homework?from=2026-08-31&to=2026-09-30&", "marks?period=1&"):
        for child in ("1", "2"):
            assert net.net("GET", f"/net/v1/{path}child={child}", session=token).status == 200
        for stranger in ("3", "99", "x", "-1"):
            assert net.net("GET", f"/net/v1/{path}child={stranger}", session=token).status == 404
    week = net.net("GET", "/net/v1/timetable?monday=2026-09-02", session=token).json["days"]
    assert (len(week), week[0]["date"], week[0]["lessons"][0]["teacher"]) == (5, "2026-08-31", "CŒUR Paul")
    marks = net.net("GET", "/net/v1/marks?period=1", session=token).json["subjects"]
    assert [(one["subject"], one["average"], len(one["marks"])) for one in marks] == [("MATHÉMATIQUES", "14,75", 2)]
    assert net.net("GET", "/net/v1/connections", session=token).json["reason"] == "WrongEspace"
