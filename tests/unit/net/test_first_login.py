"""A first login is asked for in the browser that was sent to the ENT, and its link is good there and nowhere else."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from pronote_net.cas import Person
from pronote_net.upstream import Refused
from tests.unit.net.pages import SITE, TableTickets, TableUpstream, back_from, by_the_ent, client, number_of

LINK = "link-Of_somebody-1"
ENT = {"name": "ent", "casUrl": "https://cas.test/cas", "espaces": ["Parents"], "direct": True}
LOGIN = "POST /net/v1/logins"


def upstream(**changes: object) -> TableUpstream:
    """Every ticket is somebody's whom nobody knows yet."""
    told = {"outcome": "FirstLogin", "link": LINK}
    table = {"GET /net/v1/site": SITE | {"delegations": [ENT]}, "POST /net/v1/cas-logins": told}
    return TableUpstream(**table | changes)


async def shown(browser: httpx.AsyncClient) -> dict[str, str]:
    """The form that a ticket brings, filled in."""
    page = await by_the_ent(browser)
    assert LINK not in page.text
    assert LINK not in str(page.headers)
    fields = dict(re.findall(r'name="(jeton|lien)" value="(\w+)"', page.text))
    assert set(fields) == {"jeton", "lien"}
    return fields | {"identifiant": "marie", "motdepasse": "secret"}


def logins(server: TableUpstream) -> list[object]:
    """The links of the logins that the server was asked for."""
    return [(body or {}).get("link") for asked, body in server.asked if asked == LOGIN]


async def test_the_page_and_the_browser_together_have_the_link() -> None:
    server = upstream()
    async with client(server, Person("x", {})) as browser:
        fields = await shown(browser)
        entered = await browser.post("parent/entrer", data=fields)
    assert entered.status_code == 303
    assert logins(server) == [LINK]
    (cookie,) = [one for one in entered.headers.get_list("set-cookie") if one.startswith("pronote-parent-lien=")]
    assert "Max-Age=0" in cookie, "the other half is forgotten"


async def test_the_half_in_the_browser_is_bound_like_other_cookies_and_ends() -> None:
    async with client(upstream(), Person("x", {})) as browser:
        page = await by_the_ent(browser)
    (cookie,) = [one for one in page.headers.get_list("set-cookie") if one.startswith("pronote-parent-lien=")]
    assert re.fullmatch(
        r"pronote-parent-lien=[0-9a-f]+; HttpOnly; Max-Age=600; Path=/pronote/; SameSite=lax; Secure", cookie
    )


async def test_a_form_that_was_copied_into_another_browser_ties_nothing() -> None:
    server = upstream()
    async with client(server, Person("x", {})) as browser, client(server, Person("y", {})) as other:
        fields, own = await shown(browser), await shown(other)
        for cookies in (True, False):
            if not cookies:
                other.cookies.delete("pronote-parent-lien")
            answer = await other.post("parent/entrer", data={**fields, "jeton": own["jeton"]})
            assert LINK not in logins(server)
            assert cookies or answer.status_code == 401
        asked = len(logins(server))
        for half in ("", "zz", "ab", fields["lien"].upper(), fields["lien"][:-2]):
            other.cookies.set("pronote-parent-lien", half)
            refused = await other.post("parent/entrer", data={**fields, "jeton": own["jeton"]})
            assert refused.status_code == 401
            assert "Session expirée" in refused.text
        assert len(logins(server)) == asked, "no password is tried without the link"


async def test_a_login_without_the_form_of_a_ticket_ties_nothing_though_the_browser_has_a_half() -> None:
    server = upstream()
    async with client(server, Person("x", {})) as browser:
        fields = await shown(browser)
        del fields["lien"]
        assert (await browser.post("parent/entrer", data=fields)).status_code == 303
    assert logins(server) == [None]


async def test_a_wrong_password_leaves_both_halves() -> None:
    server = upstream(**{LOGIN: Refused(401, "WrongCredentials")})
    async with client(server, Person("x", {})) as browser:
        fields = await shown(browser)
        again = await browser.post("parent/entrer", data=fields)
        assert again.status_code == 401
        assert f'value="{fields["lien"]}"' in again.text
        await browser.post("parent/entrer", data=fields)
    assert logins(server) == [LINK, LINK]


@pytest.mark.parametrize("link", ["", "é", "x" * 129])
async def test_a_link_that_is_none_is_a_server_that_does_not_answer_as_agreed(link: str) -> None:
    server = upstream(**{"POST /net/v1/cas-logins": {"outcome": "FirstLogin", "link": link}})
    async with client(server, Person("x", {})) as browser:
        assert (await by_the_ent(browser)).status_code == 503


# The way there.


async def test_a_ticket_alone_leads_to_the_ent_once_more_and_to_no_form() -> None:
    server = upstream()
    async with client(server, Person("x", {})) as browser:
        sent = await browser.get("mobile.parent.html?ticket=ST-1-abc")
        number = number_of(sent)
    assert sent.status_code == 302
    assert sent.headers["location"].startswith("https://cas.test/cas/login?service=https%3A%2F%2Fschool.test%2F")
    assert back_from(sent) == "https://school.test/pronote/mobile.parent.html", "the same page"
    (cookie,) = sent.headers.get_list("set-cookie")
    assert cookie == (f"pronote-parent-depart={number}; HttpOnly; Max-Age=600; Path=/pronote/; SameSite=lax; Secure")


async def test_the_second_ticket_must_be_one_for_the_number_and_the_number_is_good_once() -> None:
    tickets = TableTickets(Person("x", {}))
    async with client(upstream(), tickets=tickets) as browser:
        page = await by_the_ent(browser)
        (first, one), (service, other) = tickets.asked
        assert (first, one, other) == ("https://school.test/pronote/parent.html", "ST-1-abc", "ST-2-abc")
        assert re.fullmatch(r"https://school\.test/pronote/parent\.html\?depart=[0-9a-f]{32}", service)
        assert 'name="lien"' in page.text
        third = await browser.get("parent.html", params={"ticket": "ST-3", "depart": service.rpartition("=")[2]})
    assert_refused(third)


async def test_a_ticket_that_somebody_else_has_got_shows_no_form_whatever_number_comes_with_it() -> None:
    server = upstream()
    async with client(server, Person("attacker", {})) as attacker, client(server, Person("attacker", {})) as browser:
        number = number_of(await attacker.get("parent.html?ticket=ST-1-abc"))
        theirs = {"ticket": "ST-2-abc", "depart": number}
        assert_refused(await browser.get("parent.html", params=theirs))
        own = number_of(await browser.get("parent.html?ticket=ST-3-abc"))
        assert own != number
        assert_refused(await browser.get("parent.html", params=theirs))
        browser.cookies.delete("pronote-parent-depart")
        assert_refused(await browser.get("parent.html", params={"ticket": "ST-4", "depart": own}))
        assert (await browser.get("parent.html?depart=&ticket=ST-5")).status_code == 302


async def test_a_number_of_one_espace_is_none_of_another() -> None:
    both = upstream(**{"GET /net/v1/site": SITE | {"delegations": [{**ENT, "espaces": ["Parents", "Eleves"]}]}})
    async with client(both, Person("x", {})) as browser:
        number = number_of(await browser.get("eleve.html?ticket=ST-1-abc"))
        assert_refused(await browser.get("parent.html", params={"ticket": "ST-2", "depart": number}))


async def test_a_browser_that_keeps_no_cookies_is_told_so_and_sent_round_no_circle() -> None:
    async with client(upstream(), Person("x", {})) as browser:
        sent = await browser.get("parent.html?ticket=ST-1-abc")
        browser.cookies.clear()
        told = await browser.get("parent.html", params={"ticket": "ST-2", "depart": number_of(sent)})
    assert_refused(told)
    assert "cookies" in told.text
    assert "parent.html" in told.text, "the way to begin anew"


@pytest.mark.parametrize(
    ("person", "account"),
    [
        (Person("anne.ent", {}), "anne.ent"),
        (Person("4f0a", {"nom": ["DUC"], "Prenom": ["Anne-Laure"]}), "Anne-Laure DUC (4f0a)"),
        (Person("4f0a", {"nom": [""], "prenom": ["Anne <b>"]}), "Anne &lt;b&gt; (4f0a)"),
        (Person("x" * 256, {"nom": ["D" * 1000], "prenom": ["A" * 1000]}), f"{'A' * 100} {'D' * 100} ({'x' * 256})"),
    ],
)
async def test_the_page_shows_which_account_will_be_tied_also_after_a_wrong_password(
    person: Person, account: str
) -> None:
    server = upstream(**{LOGIN: Refused(401, "WrongCredentials")})
    async with client(server, person) as browser:
        page = await by_the_ent(browser)
        assert f"<strong>{account}</strong>" in page.text
        fields = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
        again = await browser.post("parent/entrer", data={**fields, "identifiant": "marie", "motdepasse": "secret"})
    assert again.status_code == 401
    assert f"<strong>{account}</strong>" in again.text


async def test_names_are_read_where_the_delegation_says() -> None:
    names = {"attributes": {"lastName": "sn", "firstName": "givenName"}}
    server = upstream(**{"GET /net/v1/site": SITE | {"delegations": [{**ENT, "identification": names}]}})
    async with client(server, Person("4f0a", {"sn": ["DUC"], "givenname": ["Anne"], "nom": ["x"]})) as browser:
        assert "<strong>Anne DUC (4f0a)</strong>" in (await by_the_ent(browser)).text


async def test_a_description_that_we_have_not_written_is_not_shown() -> None:
    server = upstream(**{LOGIN: Refused(401, "WrongCredentials")})
    async with client(server, Person("x", {})) as browser:
        fields = await shown(browser)
        for account in ("", "a\nb", "x" * 501):
            again = await browser.post("parent/entrer", data={**fields, "compte": account})
            assert "<strong>" not in again.text


def assert_refused(answer: httpx.Response) -> None:
    """A page that says no, and has no form."""
    assert answer.status_code == 403
    assert "Connexion non valable" in answer.text
    assert "<form" not in answer.text
