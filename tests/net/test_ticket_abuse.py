"""Tickets and one-time logins in the wrong hands, at the wrong place, twice, or late: nobody comes in by them."""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
import requests
from aiohttp import web

from tests.conformance.certificates import Authority, new_authority, write_certificate
from tests.net.conftest import new_net_server
from tests.net.school import MOTHER, install_school
from tests.net.ticket_site import (
    ANNE,
    ELEVES,
    LEA,
    MAX,
    PARENTS,
    VISITORS,
    ZOE,
    School,
    at_the_ent,
    hurried_server,
    new_browser,
    ticket_for,
)
from tests.support.cas_server import CasServer
from tests.support.ent import form_fields, trusting
from tests.support.net_server import PASSWORD
from tests.support.replica import Replica
from tests.support.threaded import ThreadedServer
from tests.support.webclients import LoginRefused, WebClient

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = "https://elsewhere.example.org/pronote/eleve.html"
ONCE_SECONDS = 2.0
"""How long one-time logins of the other base last."""


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    server = new_net_server(tmp_path_factory.mktemp("school"))
    try:
        install_school(server)
        with Replica(server, **VISITORS) as first, Replica(server, **VISITORS) as second:
            yield School(server, (first, second))
    finally:
        server.kill()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """Another base, with the same people."""
    server = hurried_server(tmp_path_factory.mktemp("other"), ONCE_SECONDS)
    try:
        with Replica(server, PRONOTE_NET_PATH="/autre", **VISITORS) as replica:
            yield School(server, (replica,), "/autre")
    finally:
        server.kill()


@pytest.fixture(scope="module")
def cas(school: School, other: School, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CasServer]:
    """The ENT of both bases, and of others."""
    folder = tmp_path_factory.mktemp("cas")
    services = [school.url(""), other.url(""), ELSEWHERE]
    with (
        CasServer(folder, services, accounts=[ZOE, ANNE, LEA, MAX]) as server,
        trusting(folder / "bundle.pem", server.ca_file),
    ):
        for each in (school, other):
            each.publish(server.url, server.ca_file.read_text())
        time.sleep(1.1)  # replicas ask for it once a second
        yield server


@pytest.fixture
def victim(school: School, cas: CasServer) -> Iterator[requests.Session]:
    """A pupil who has come in through the ENT, and is still in when the test is over, in the same session."""
    with at_the_ent(cas) as browser:
        shown = browser.get(school.url(ELEVES), timeout=20)
        assert "Bonjour" in enter_once(browser, school, shown).text
        mine = school.connections()
        yield browser
        assert school.is_inside(browser)
        assert mine <= school.connections()


def enter_once(browser: requests.Session, school: School, shown: requests.Response) -> requests.Response:
    """Press « Continuer »."""
    return browser.post(school.url("eleve/entrer-par-ent"), data=form_fields(shown.text), timeout=20)


def handed_over(page: str) -> dict[str, str]:
    """What a page hands to clients of the protocol; nothing when it hands over nothing."""
    found = re.search(r"Start \(\{(.*?)\}\)", page.replace("&#39;", "'"))
    return dict(re.findall(r"(\w+):'?(\w+)", found[1])) if found else {}


def assert_nobody_comes_in(school: School, browser: requests.Session, answer: requests.Response, status: int) -> None:
    """The answer is a refusal that hands nothing over, and the browser has no session."""
    assert answer.status_code == status, answer.text
    assert not handed_over(answer.text)
    assert 'name="login"' not in answer.text
    assert not school.is_inside(browser)
    assert not school.is_inside(browser, "parent")


# Tickets.


def test_a_ticket_that_was_used_lets_nobody_in(school: School, cas: CasServer, victim: requests.Session) -> None:
    ticket = ticket_for(victim, cas, school.url(ELEVES))
    with new_browser() as first:
        assert "L’ENT vous a reconnu" in first.get(school.url(ELEVES), params={"ticket": ticket}, timeout=20).text
    before = school.connections()
    for replica in (0, 1):
        with new_browser() as thief:
            again = thief.get(school.url(ELEVES, replica), params={"ticket": ticket}, timeout=20)
            assert_nobody_comes_in(school, thief, again, 403)
    assert school.connections() == before


@pytest.mark.parametrize("replica", [0, 1])
@pytest.mark.parametrize("service", ["parent.html", "mobile.eleve.html", "eleve.html?x=1", "autre", "elsewhere"])
def test_a_ticket_for_something_else_lets_nobody_in(
    school: School, other: School, cas: CasServer, victim: requests.Session, service: str, replica: int
) -> None:
    url = {"autre": other.url(ELEVES), "elsewhere": ELSEWHERE}.get(service, school.url(service))
    before = school.connections()
    with new_browser() as thief:
        host = {"Host": "elsewhere.example.org", "X-Forwarded-Host": "elsewhere.example.org"}
        for headers in ({}, host, {**host, "X-Forwarded-Proto": "https"}):
            ticket = ticket_for(victim, cas, url)
            page = school.url(ELEVES, replica)
            shown = thief.get(page, params={"ticket": ticket}, headers=headers, timeout=20)
            assert_nobody_comes_in(school, thief, shown, 403)
    assert school.connections() == before


def test_a_ticket_of_one_base_is_worth_nothing_at_another(
    school: School, other: School, cas: CasServer, victim: requests.Session
) -> None:
    with new_browser() as thief:
        ticket = ticket_for(victim, cas, school.url(ELEVES))
        shown = thief.get(other.url(ELEVES), params={"ticket": ticket}, timeout=20)
        assert_nobody_comes_in(other, thief, shown, 403)
    # Nor is what the right base has given for it.
    with new_browser() as browser:
        ticket = ticket_for(victim, cas, school.url(ELEVES))
        given = form_fields(browser.get(school.url(ELEVES), params={"ticket": ticket}, timeout=20).text)
        there = form_fields(browser.get(other.url(f"{ELEVES}?login=true"), timeout=20).text)
        body = {"jeton": there["jeton"], "login": given["login"], "passe": given["passe"]}
        shown = browser.post(other.url("eleve/entrer-par-ent"), data=body, timeout=20)
        assert_nobody_comes_in(other, browser, shown, 403)
        assert other.connections() == set()


class Credulous(ThreadedServer):
    """A CAS server that takes every ticket, as often as it is asked, for Zoé's."""

    async def _handle(self, request: web.Request) -> web.Response:
        told = {"nom": "LEFEVRE DUC", "prenom": "Zoé", "dateNaissance": "03/02/2015", "categories": "National_1"}
        attributes = "".join(f"<cas:{name}>{value}</cas:{name}>" for name, value in told.items())
        success = f"<cas:user>zoe.ent</cas:user><cas:attributes>{attributes}</cas:attributes>"
        return web.Response(
            text='<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">'
            f"<cas:authenticationSuccess>{success}</cas:authenticationSuccess></cas:serviceResponse>"
        )


@pytest.fixture
def credulous(school: School, cas: CasServer, tmp_path: Path) -> Iterator[Authority]:
    """The base trusts it while the test lasts."""
    authority = new_authority("Credulous")
    write_certificate(tmp_path, authority, ("127.0.0.1",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    with Credulous(context) as server:
        school.publish(f"https://127.0.0.1:{server.port}/cas", authority.pem)
        time.sleep(1.1)
        yield authority
    school.publish(cas.url, cas.ca_file.read_text())
    time.sleep(1.1)


def test_the_server_takes_no_ticket_twice_whatever_the_ent_says(school: School, credulous: Authority) -> None:
    ready = threading.Barrier(8)

    def show(number: int) -> int:
        with new_browser() as browser:
            ready.wait(10)
            return browser.get(school.url(ELEVES, number % 2), params={"ticket": "ST-same"}, timeout=20).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(show, range(8))) == [200] + 7 * [409]
    with new_browser() as late:
        again = late.get(school.url(ELEVES), params={"ticket": "ST-same"}, timeout=20)
        assert_nobody_comes_in(school, late, again, 409)


# Forged ways back from the ENT.

FORGED = [
    {"ticket": "ST-1-never-given-by-anybody"},
    {"ticket": "ST-1", "service": ELSEWHERE},
    {"ticket": "ST-1&user=zoe.ent"},
    {"ticket": "ST-../../../serviceValidate?user=zoe.ent"},
    {"ticket": "ST-1\r\nX-Pronote-Session: 1"},
    {"ticket": "PT-1-never"},
    {"ticket": "TGT-1-never"},
    {"ticket": "ST-" + "a" * 2000},
    {"ticket": ""},
    {"pgtId": "TGT-1-never", "pgtIou": "PGTIOU-1", "ticket": "PGTIOU-1"},
    {"SAMLart": "AAQ-1", "ticket": "AAQ-1"},
]


@pytest.mark.parametrize("query", FORGED, ids=lambda query: query["ticket"][:12] or "nothing")
def test_a_forged_way_back_from_the_ent_changes_nothing(
    school: School, victim: requests.Session, query: dict[str, str]
) -> None:
    before = school.connections()
    with new_browser() as thief:
        shown = thief.get(school.url(ELEVES), params=query, timeout=20)
        assert_nobody_comes_in(school, thief, shown, 403)
    # Somebody who is in follows the same link.
    kept = victim.cookies.get_dict()
    followed = victim.get(school.url(ELEVES), params=query, timeout=20)
    assert followed.status_code == 403
    assert not handed_over(followed.text)
    assert victim.cookies.get_dict() == kept
    assert school.connections() == before


def test_a_logout_that_claims_to_be_the_ents_ends_no_session(school: School, victim: requests.Session) -> None:
    request = '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"><samlp:SessionIndex>ST-1'
    request += "</samlp:SessionIndex></samlp:LogoutRequest>"
    with new_browser() as browser:
        for page in ("", ELEVES, f"{ELEVES}?ticket=ST-1", "eleve/sortir"):
            answer = browser.post(school.url(page), data={"logoutRequest": request}, timeout=20, allow_redirects=False)
            assert answer.status_code in (303, 403, 405), (page, answer.status_code)
    assert school.is_inside(victim)


# One-time logins.


def one_time_login(school: School, cas: CasServer, victim: requests.Session) -> tuple[requests.Session, dict[str, str]]:
    """A browser that a ticket was given to, and the fields of the form that it was shown."""
    ticket = ticket_for(victim, cas, school.url(ELEVES))
    browser = new_browser()
    return browser, form_fields(browser.get(school.url(ELEVES), params={"ticket": ticket}, timeout=20).text)


def use(school: School, browser: requests.Session, page: str = "eleve", **fields: str) -> requests.Response:
    """Send the form of a one-time login."""
    return browser.post(school.url(f"{page}/entrer-par-ent"), data=fields, timeout=20, allow_redirects=False)


def test_a_one_time_login_is_good_once_and_only_where_it_was_shown(
    school: School, cas: CasServer, victim: requests.Session
) -> None:
    browser, fields = one_time_login(school, cas, victim)
    with browser, new_browser() as thief:
        assert use(school, thief, **fields).status_code == 403, "the form's secret is the other browser's"
        own = form_fields(thief.get(school.url(f"{ELEVES}?login=true"), timeout=20).text)["jeton"]
        entered = use(school, browser, **fields)
        assert entered.status_code == 303
        assert school.is_inside(browser)
        before = school.connections()
        assert use(school, browser, **fields).status_code == 403
        assert use(school, thief, **{**fields, "jeton": own}).status_code == 403
        assert not school.is_inside(thief)
        assert school.is_inside(browser)
        assert school.connections() == before


@pytest.mark.parametrize("change", ["passe", "espace"])
def test_a_one_time_login_with_something_wrong_is_used_up(
    school: School, cas: CasServer, victim: requests.Session, change: str
) -> None:
    browser, fields = one_time_login(school, cas, victim)
    with browser:
        page, wrong = ("parent", fields) if change == "espace" else ("eleve", {**fields, "passe": "0" * 48})
        assert use(school, browser, page, **wrong).status_code == 403
        assert use(school, browser, **fields).status_code == 403
        assert not school.is_inside(browser)


async def test_a_client_of_the_protocol_comes_in_by_it_once(
    school: School, cas: CasServer, victim: requests.Session
) -> None:
    ticket = ticket_for(victim, cas, school.url(ELEVES))
    page = f"{school.url(ELEVES)}?{urlencode({'ticket': ticket})}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        client = WebClient(http, page, {"X-Forwarded-For": "192.0.2.251"})
        given = await client.open()
        await client.log_in_once(given["e"], given["f"])
        await client.stay()
        thief = WebClient(http, f"{school.url(ELEVES)}?login=true", {"X-Forwarded-For": "192.0.2.252"})
        await thief.open()
        with pytest.raises(LoginRefused):
            await thief.log_in_once(given["e"], given["f"])
        await client.stay()
        fields = {"login": given["e"], "passe": given["f"]}
        with new_browser() as browser:
            own = form_fields(browser.get(school.url(f"{ELEVES}?login=true"), timeout=20).text)["jeton"]
            assert use(school, browser, jeton=own, **fields).status_code == 403


async def test_a_one_time_login_that_comes_late_lets_nobody_in(
    other: School, cas: CasServer, victim: requests.Session
) -> None:
    ticket = ticket_for(victim, cas, other.url(ELEVES))
    with new_browser() as browser:
        shown = browser.get(other.url(ELEVES), params={"ticket": ticket}, timeout=20)
        time.sleep(ONCE_SECONDS + 0.2)
        assert use(other, browser, **form_fields(shown.text)).status_code == 403
        assert not other.is_inside(browser)
    ticket = ticket_for(victim, cas, other.url(ELEVES))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        client = WebClient(http, f"{other.url(ELEVES)}?ticket={ticket}", {"X-Forwarded-For": "192.0.2.253"})
        given = await client.open()
        time.sleep(ONCE_SECONDS + 0.2)
        with pytest.raises(LoginRefused):
            await client.log_in_once(given["e"], given["f"])
    assert other.connections() == set()


# First logins.


@pytest.fixture
def unknown(school: School, cas: CasServer) -> Iterator[None]:
    """The base asks whom the ENT sends for a password once, while the test lasts."""
    school.publish(cas.url, cas.ca_file.read_text(), identification={"by": "FirstLogin"})
    time.sleep(1.1)
    yield
    school.publish(cas.url, cas.ca_file.read_text())
    time.sleep(1.1)


@pytest.mark.usefixtures("unknown")
def test_a_first_login_ties_the_account_in_the_browser_that_showed_the_ticket_and_in_no_other(
    school: School, cas: CasServer
) -> None:
    def show(browser: requests.Session) -> dict[str, str]:
        shown = form_fields(browser.get(school.url(PARENTS), timeout=20).text)
        return shown | {"identifiant": MOTHER, "motdepasse": PASSWORD}

    with at_the_ent(cas, ANNE.username) as browser, new_browser() as other:
        given = show(browser)
        own = form_fields(other.get(school.url(f"{PARENTS}?login=true"), timeout=20).text)["jeton"]
        copied = other.post(school.url("parent/entrer"), data={**given, "jeton": own}, timeout=20)
        assert_nobody_comes_in(school, other, copied, 401)
        assert show(browser)["lien"] != given["lien"], "nothing was tied"
        early = browser.post(school.url("parent/entrer"), data=given, timeout=20)
        assert_nobody_comes_in(school, browser, early, 401)
        given = show(browser)
        browser.post(school.url("parent/entrer", 1), data=given, timeout=20)
        assert school.is_inside(browser, "parent")
    with at_the_ent(cas, ANNE.username) as later:
        shown = form_fields(later.get(school.url(PARENTS), timeout=20).text)
        assert {"login", "passe"} <= set(shown), "the account is known now"


@pytest.mark.usefixtures("unknown")
def test_a_ticket_of_somebody_elses_account_asks_nobody_for_a_password_of_pronote(
    school: School, cas: CasServer
) -> None:
    with at_the_ent(cas, MAX.username) as sender, at_the_ent(cas, LEA.username) as browser, new_browser() as third:
        # At the ENT already: the way there and back shows the browser's own account.
        sent = ticket_for(sender, cas, school.url(PARENTS))
        shown = browser.get(school.url(PARENTS), params={"ticket": sent}, timeout=20)
        assert form_fields(shown.text)["compte"] == "Lea INCONNU (lea.ent)"
        assert MAX.username not in shown.text
        # Not logged in there: the ENT asks who it is.
        sent = ticket_for(sender, cas, school.url(PARENTS))
        asked = third.get(school.url(PARENTS), params={"ticket": sent}, timeout=20)
        assert asked.url.startswith(f"{cas.url}/login")
        # With a number that the sender was given, and a ticket that is good for it.
        departed = sender.get(
            school.url(PARENTS), params={"ticket": ticket_for(sender, cas, school.url(PARENTS))}, allow_redirects=False
        )
        service = parse_qs(urlsplit(departed.headers["location"]).query)["service"][0]
        back = f"{service}&{urlencode({'ticket': ticket_for(sender, cas, service)})}"
        for victim in (browser, third):
            refused = victim.get(back, timeout=20)
            assert_nobody_comes_in(school, victim, refused, 403)
            assert "Connexion non valable" in refused.text
        # And a ticket of the sender's that is good for another address is none for the one that the browser has.
        own = browser.get(
            school.url(PARENTS), params={"ticket": ticket_for(browser, cas, school.url(PARENTS))}, allow_redirects=False
        )
        mine = parse_qs(urlsplit(own.headers["location"]).query)["service"][0]
        for other in (school.url(PARENTS), service):
            wrong = browser.get(f"{mine}&{urlencode({'ticket': ticket_for(sender, cas, other)})}", timeout=20)
            assert_nobody_comes_in(school, browser, wrong, 403)
