"""The link of a first login is good in the browser that showed the ticket, with the page that it was given."""

from __future__ import annotations

import re

import httpx
import pytest

from pronote_net.cas import Person
from pronote_net.upstream import Refused
from tests.unit.net.pages import SITE, TableUpstream, client

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
    page = await browser.get("parent.html?ticket=ST-1-abc")
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
        page = await browser.get("parent.html?ticket=ST-1-abc")
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
        assert (await browser.get("parent.html?ticket=ST-1-abc")).status_code == 503
