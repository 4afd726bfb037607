"""Two replicas in front of one server: whichever a visitor meets, the visit goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.ent import form_fields
from tests.support.net_server import PASSWORD, NetServer, site_document
from tests.support.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable

    NewNet = Callable[..., NetServer]

PLAIN = "http://127.0.0.1/pronote"


@pytest.fixture(scope="module")
def pair(net: NetServer) -> Iterator[tuple[Replica, Replica]]:
    net.publish(site_document(url=PLAIN))
    net.add_user("dupont", "vie-scolaire")
    net.add_user("martin", "enseignant")
    with Replica(net) as first, Replica(net) as second:
        yield first, second


def log_in(
    browser: requests.Session, replica: Replica, username: str, password: str = PASSWORD, page: str = "viescolaire"
) -> requests.Response:
    """Open the page of an Espace and send its form."""
    shown = browser.get(replica.url(f"{page}.html"), timeout=20)
    assert shown.status_code == 200, shown.text
    fields = form_fields(shown.text) | {"identifiant": username, "motdepasse": password}
    return browser.post(replica.url(f"{page}/entrer"), data=fields, timeout=20, allow_redirects=False)


def test_a_person_logs_in_at_one_replica_and_goes_on_at_the_other(pair: tuple[Replica, Replica]) -> None:
    first, second = pair
    with requests.Session() as browser:
        answer = log_in(browser, first, "dupont")
        assert (answer.status_code, answer.headers["location"]) == (303, "/pronote/viescolaire/accueil")
        home = browser.get(second.url("viescolaire/accueil"), timeout=20)
        assert "Bonjour dupont" in home.text
        shown = browser.get(first.url("viescolaire/connexions"), timeout=20)
        assert "dupont" in shown.text
        assert browser.get(second.url("viescolaire.html"), timeout=20, allow_redirects=False).status_code == 303
        left = browser.post(second.url("viescolaire/sortir"), data=form_fields(home.text), timeout=20)
        assert "Vous êtes déconnecté" in left.text
        assert browser.get(first.url("viescolaire/accueil"), timeout=20, allow_redirects=False).status_code == 303


def test_two_espaces_are_open_side_by_side(pair: tuple[Replica, Replica]) -> None:
    with requests.Session() as browser:
        log_in(browser, pair[0], "dupont")
        log_in(browser, pair[1], "martin", page="professeur")
        for page, name in (("viescolaire", "dupont"), ("professeur", "martin")):
            assert f"Bonjour {name}" in browser.get(pair[0].url(f"{page}/accueil"), timeout=20).text


def test_a_wrong_password_is_told_on_the_form(pair: tuple[Replica, Replica]) -> None:
    with requests.Session() as browser:
        answer = log_in(browser, pair[0], "dupont", "wrong")
        assert answer.status_code == 401
        assert "Identifiant ou mot de passe incorrect" in answer.text
        assert form_fields(answer.text)["identifiant"] == "dupont"


def test_a_form_of_another_site_is_refused(pair: tuple[Replica, Replica]) -> None:
    with requests.Session() as browser:
        fields = form_fields(browser.get(pair[0].url("viescolaire.html"), timeout=20).text)
        fields |= {"identifiant": "dupont", "motdepasse": PASSWORD}
        url = pair[0].url("viescolaire/entrer")
        foreign = browser.post(url, data=fields, headers={"sec-fetch-site": "cross-site"}, timeout=20)
        assert foreign.status_code == 403
        assert browser.post(url, data=fields | {"jeton": "0" * 32}, timeout=20).status_code == 403
        assert requests.post(url, data=fields, timeout=20).status_code == 403


def test_nobody_is_logged_out_by_a_foreign_form(pair: tuple[Replica, Replica]) -> None:
    with requests.Session() as browser:
        log_in(browser, pair[0], "dupont")
        assert browser.post(pair[0].url("viescolaire/sortir"), data={"jeton": "x"}, timeout=20).status_code == 403
        assert browser.get(pair[0].url("viescolaire/accueil"), timeout=20).status_code == 200


def test_who_comes_back_after_the_session_ended_goes_on_where_they_were(pair: tuple[Replica, Replica]) -> None:
    with requests.Session() as browser:
        browser.cookies.set("pronote-viescolaire", "gone", path="/pronote/")
        shown = browser.get(pair[0].url("viescolaire/connexions"), timeout=20)
        assert "Votre session a expiré" in shown.text
        fields = form_fields(shown.text) | {"identifiant": "dupont", "motdepasse": PASSWORD}
        answer = browser.post(pair[0].url("viescolaire/entrer"), data=fields, timeout=20, allow_redirects=False)
        assert answer.headers["location"] == "/pronote/viescolaire/connexions"


def test_the_page_of_an_espace_serves_clients_of_the_protocol_too(pair: tuple[Replica, Replica]) -> None:
    page = requests.get(pair[0].url("mobile.eleve.html?fd=1&login=true"), timeout=20).text
    found = re.search(r"Start ?\({(?P<param>[^}]*)}\)", page)
    assert found is not None
    given = dict(part.split(":") for part in found["param"].split(","))
    assert given["a"] == "3"
    assert given["h"].strip("'").isdigit()


def test_the_document_of_mobile_clients(pair: tuple[Replica, Replica]) -> None:
    found = requests.get(pair[0].url("InfoMobileApp.json?id=x"), timeout=20).json()
    assert found["nomEtab"] == "Collège Jean Moulin"
    assert [one["genreEspace"] for one in found["espaces"]] == [16, 1, 13, 2, 3, 25, 4, 5, 18]
    assert found["CAS"] == {"actif": False, "casURL": "", "jetonCAS": ""}


def test_a_replica_stops_at_once_when_nothing_is_asked(net: NetServer) -> None:
    replica = Replica(net)
    with replica:
        requests.get(replica.url(), timeout=20)
        began = time.monotonic()
        assert replica.stop() == 0
        assert time.monotonic() - began < 3


def test_a_server_that_is_away_shows_visitors_a_503_and_takes_no_replica_out(new_net: NewNet) -> None:
    server = new_net()
    with Replica(server) as replica:
        assert requests.get(replica.url(), timeout=20).status_code == 200
        server.kill()
        time.sleep(1.1)
        answer = requests.get(replica.url(), timeout=20)
        assert answer.status_code == 503
        assert "Le site n’est pas disponible" in answer.text
        assert "IP" not in answer.text
        assert replica.status("/readyz").status_code == 200
        assert 'pronote_net_upstream_errors_total{error="connect"} 1.0' in replica.status("/metrics").text


def test_what_is_not_published_is_a_503(new_net: NewNet) -> None:
    server = new_net()
    with Replica(server) as replica:
        server.publish(site_document(espaces=["Eleves"]))
        time.sleep(1.1)
        answer = requests.get(replica.url("parent.html"), timeout=20)
        assert answer.status_code == 503
        assert "Vous n’avez pas accès à l’Espace Parents" in answer.text
        server.publish(site_document(published=False))
        time.sleep(1.1)
        for path in ("", "eleve.html", "InfoMobileApp.json"):
            assert requests.get(replica.url(path), timeout=20).status_code == 503


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRONOTE_NET_SERVER", "http://localhost:1"),
        ("PRONOTE_NET_TOKEN", ""),
        ("PRONOTE_NET_CA", "missing"),
        ("PRONOTE_NET_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("PRONOTE_NET_TRUSTED_HOPS", "0"),
    ],
)
def test_an_environment_that_cannot_be_used_is_told_in_one_line(net: NetServer, name: str, value: str) -> None:
    replica = Replica(net, **{name: value})
    assert replica.launch().wait(20) == 78
    (line,) = replica.log.read_text().splitlines()
    assert name in line
