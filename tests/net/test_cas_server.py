"""The CAS server that the tests play an ENT with: what it tells, once, and to whom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cas import CASClient

from tests.support.cas_accounts import ALICE, MARIE, PASSWORD, TEACHER, person
from tests.support.cas_server import CasServer
from tests.support.ent import EntLoginError, ent_of, trusting

SERVICE = "https://school.pronote.test/pronote/eleve.html"


@pytest.fixture(scope="module")
def cas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CasServer]:
    folder = tmp_path_factory.mktemp("cas")
    with (
        CasServer(folder, ["https://school.pronote.test/pronote/"]) as server,
        trusting(folder / "bundle.pem", server.ca_file),
    ):
        yield server


def ticket(cas: CasServer, username: str, service: str = SERVICE) -> str:
    """A ticket for a service, as a browser that has logged in is given one."""
    cookies = ent_of(cas)(username, PASSWORD)
    answer = requests.get(
        f"{cas.url}/login", params={"service": service}, cookies=cookies, allow_redirects=False, timeout=20
    )
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query)["ticket"][0]


@pytest.mark.parametrize("protocol", [2, 3, "CAS_2_SAML_1_0"])
def test_a_ticket_tells_who_the_person_is(cas: CasServer, protocol: int | str) -> None:
    client = CASClient(version=protocol, service_url=SERVICE, server_url=f"{cas.url}/")
    user, attributes, _ = client.verify_ticket(ticket(cas, MARIE.username))
    assert user == MARIE.username
    if protocol != 2:  # the second version of the protocol has no attributes
        assert attributes["nom"] == "KATY"
        assert attributes["categories"] == "National_2"
    if protocol == 3:  # of SAML's several values python-cas keeps one
        assert attributes["ESCOUAI"] == ["0210066H", "0750654D"]


def test_a_ticket_is_good_once(cas: CasServer) -> None:
    client = CASClient(version=3, service_url=SERVICE, server_url=f"{cas.url}/")
    given = ticket(cas, ALICE.username)
    assert client.verify_ticket(given)[0] == ALICE.username
    assert client.verify_ticket(given)[0] is None


def test_a_service_that_was_not_named_has_no_ticket(cas: CasServer) -> None:
    cookies = ent_of(cas)(ALICE.username, PASSWORD)
    service = "https://elsewhere.test/pronote/eleve.html"
    answer = requests.get(
        f"{cas.url}/login", params={"service": service}, cookies=cookies, allow_redirects=False, timeout=20
    )
    assert "ticket" not in answer.headers.get("Location", "")


def test_a_wrong_password_is_refused(cas: CasServer) -> None:
    with pytest.raises(EntLoginError):
        ent_of(cas)(ALICE.username, "something else")


def test_people_may_be_added_while_it_runs(cas: CasServer) -> None:
    cas.add(person("jean.neuf", "NEUF", "Jean", TEACHER))
    assert ticket(cas, "jean.neuf").startswith("ST-")


def test_it_can_be_away_for_a_while(cas: CasServer) -> None:
    given = ticket(cas, ALICE.username)
    cas.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{cas.url}/login", timeout=5)
    began = time.monotonic()
    cas.start()
    assert time.monotonic() - began < 10
    client = CASClient(version=3, service_url=SERVICE, server_url=f"{cas.url}/")
    assert client.verify_ticket(given)[0] == ALICE.username
