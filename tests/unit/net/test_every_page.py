"""What holds for every page: valid, accessible, escaped, and never taken for the page of a suspended address."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

import httpx
import pytest
from bs4 import BeautifulSoup, Tag

from pronote_net.cas import CasDown, Person
from pronote_net.espaces import ESPACES
from pronote_net.upstream import Refused
from pronote_server.bodies import MAX_BODY_BYTES
from tests.unit.net.pages import PERSON, SITE, TableUpstream, by_the_ent, client

VOID = {"meta", "link", "input", "br"}
ALL = {"espaces": [espace.name for espace in ESPACES]}
KNOWN = Person("x", {})


class Nesting(HTMLParser):
    """Fails when tags do not nest, an attribute comes twice, or an id does."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        assert not [name for name in names if name.startswith("on") or name == "style"], "the policy forbids it"
        identity = dict(attrs).get("id")
        assert identity not in self.ids
        self.ids |= {identity} if identity else set()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def error(self, message: str) -> None:
        raise AssertionError(message)


def check(text: str) -> BeautifulSoup:
    """Check one page."""
    assert text.startswith("<!DOCTYPE html>")
    nesting = Nesting()
    nesting.feed(text)
    nesting.close()
    assert not nesting.open
    page = BeautifulSoup(text, "html.parser")
    assert page.html is not None
    assert page.html["lang"] == "fr"
    assert page.title is not None
    assert page.title.get_text(strip=True)
    levels = [int(heading.name[1]) for heading in page.find_all(re.compile("^h[1-6]$"))]
    assert levels[:1] == [1]
    assert len([level for level in levels if level == 1]) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), levels
    for field in page.select("input:not([type=hidden]), select, textarea"):
        assert page.select(f'label[for="{field["id"]}"]'), field
    for table in page.find_all("table"):
        assert isinstance(table, Tag)
        assert table.caption is not None
        assert all(cell.get("scope") in {"col", "row"} for cell in table.find_all("th"))
        widths = [
            sum(int(str(cell.get("colspan", "1"))) for cell in row.find_all(["th", "td"]))
            for row in table.find_all("tr")
        ]
        assert len(set(widths)) == 1, "a table has as many cells in each row"
    for element in page.select("[aria-labelledby], [aria-describedby]"):
        for name in ("aria-labelledby", "aria-describedby"):
            assert element.get(name) is None or page.find(id=str(element[name])) is not None
    for link in page.find_all("a"):
        assert link.get_text(strip=True)
        target = str(link["href"])
        assert not target.startswith("#") or page.find(id=target[1:]) is not None
    for form in page.find_all("form"):
        assert form["method"] == "post"
        assert form.select("input[name=jeton][value]")
    assert page.main is not None
    assert page.select("a.skip")
    return page


def check_answer(answer: httpx.Response, status: int = 200) -> BeautifulSoup:
    """Check one answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"]
    return check(answer.text)


def inside(espace: str) -> TableUpstream:
    """Somebody is logged in."""
    person = PERSON | {"espace": espace, "children": PERSON["children"] if espace == "Parents" else []}
    return TableUpstream(**{"GET /net/v1/site": SITE | ALL, "GET /net/v1/session": person})


@pytest.mark.parametrize("espace", ESPACES, ids=lambda espace: espace.slug)
async def test_pages_inside_an_espace(espace: object) -> None:
    one = next(found for found in ESPACES if found is espace)
    async with client(inside(one.name)) as browser:
        browser.cookies.set(f"pronote-{one.slug}", "token-1")
        for section in ("accueil", *one.sections):
            answer = await browser.get(f"{one.slug}/{section}")
            page = check_answer(answer)
            assert "IP" not in answer.text
            assert "<b>AUGUSTE" not in answer.text
            assert "Mme PHILIPPE" in page.get_text()
            assert "Lycée PHILIPPE <b>AUGUSTE</b>" in page.get_text()


@pytest.mark.parametrize("espace", ESPACES, ids=lambda espace: espace.slug)
async def test_login_pages_suit_people_and_clients(espace: object) -> None:
    one = next(found for found in ESPACES if found is espace)
    async with client(TableUpstream(**{"GET /net/v1/site": SITE | ALL})) as browser:
        for page in (one.page, f"mobile.{one.page}"):
            answer = await browser.get(f"{page}?login=true")
            check_answer(answer)
            assert "IP" not in answer.text
            found = re.search(r"Start ?\({(?P<param>[^}]*)}\)", answer.text)
            assert found is not None
            assert found["param"] == "h:'123456',a:2,CrA:true,CoA:true"


async def test_pages_outside_the_espaces() -> None:
    async with client(TableUpstream()) as browser:
        page = check_answer(await browser.get(""))
        assert page.select("main a")[0]["href"] == "/pronote/direction.html"
        check_answer(await browser.get("eleve/au-revoir"))
        check_answer(await browser.get("parent.html?expiree=1"))
        check_answer(await browser.get("nowhere"), 404)
        check_answer(await browser.get("parent/accueil/"), 404)
        check_answer(await browser.get("nowhere.html"), 404)
        check_answer(await browser.get("eleve/connexions"), 404)
        check_answer(await browser.put("parent.html"), 405)
        check_answer(await browser.get("academie.html"), 503)


REFUSALS = [
    (503, "NotPublished"),
    (503, "EspaceNotPublished"),
    (503, "OutOfService"),
    (403, "AddressProhibited"),
    (403, "WrongEspace"),
    (403, "AccountLocked"),
    (403, "DirectLoginNotAllowed"),
    (409, "LicenceFull"),
    (409, "TicketUsed"),
    (400, "InvalidRequest"),
    (418, "SomethingNew"),
]


@pytest.mark.parametrize(("status", "reason"), REFUSALS)
async def test_refusals_are_told_in_french(status: int, reason: str) -> None:
    refused = Refused(status, reason, 17)
    async with client(TableUpstream(**{"POST /net/v1/pages": refused, "call": refused})) as browser:
        for answer in (
            await browser.get("parent.html"),
            await browser.post("appelfonction/3/1/ab", content=b"{}"),
        ):
            check_answer(answer, status)
            assert answer.headers["retry-after"] == "17"
            assert "IP" not in answer.text


async def test_only_the_page_of_a_suspended_address_says_so() -> None:
    refused = Refused(429, "AddressSuspended", 3600)
    async with client(TableUpstream(**{"POST /net/v1/pages": refused})) as browser:
        answer = await browser.get("parent.html")
        check_answer(answer, 429)
        assert "Votre adresse IP est provisoirement suspendue" in answer.text
        assert answer.headers["retry-after"] == "3600"


async def test_a_failure_of_our_own_is_a_page_too() -> None:
    async with client(TableUpstream(**{"POST /net/v1/pages": None})) as browser:
        answer = await browser.get("parent.html")
        check_answer(answer, 500)


@pytest.mark.parametrize(
    ("said", "outcome", "status", "text"),
    [
        (KNOWN, "Known", 200, "Start ({h:'123456',a:3,CrA:true,CoA:true,e:'abc',f:'def'})"),
        (KNOWN, "FirstLogin", 200, 'name="lien" value="'),
        (KNOWN, "Unknown", 403, "Identification impossible"),
        (None, "", 403, "L’ENT n’a pas confirmé"),
        (CasDown(), "", 502, "parent.html?login=true"),
    ],
)
async def test_what_comes_of_a_ticket(said: Person | CasDown | None, outcome: str, status: int, text: str) -> None:
    given = {"outcome": outcome, "link": "the-link", "login": "abc", "password": "def"}
    page = {"session": "123456", "espaceId": 3, "encrypted": True, "compressed": True}
    ent = {"name": "ent", "casUrl": "https://cas.test/cas", "espaces": ["Parents"], "direct": True}
    upstream = TableUpstream(
        **{"GET /net/v1/site": SITE | {"delegations": [ent]}, "POST /net/v1/cas-logins": given | page}
    )
    async with client(upstream, said) as browser:
        way = by_the_ent(browser) if outcome == "FirstLogin" else browser.get("parent.html?ticket=ST-1-abc")
        answer = await way
        check_answer(answer, status)
        assert text in answer.text
        assert "IP" not in answer.text


@pytest.mark.parametrize(
    "told",
    [
        {"ticket": "ST-<x>"},
        {"ticket": "ST-1-abc", "depart": "x"},
        {"ticket": "ST-1-abc", "depart": "https://evil.test"},
    ],
)
async def test_what_is_no_ticket_goes_no_further(told: dict[str, str]) -> None:
    upstream = TableUpstream()
    async with client(upstream, KNOWN) as browser:
        check_answer(await browser.get("eleve.html", params=told), 403)
        assert [asked for asked, _ in upstream.asked] == ["GET /net/v1/site"]


async def test_a_delegated_espace_sends_people_to_the_ent_whatever_the_host_header_says() -> None:
    async with client(TableUpstream()) as browser:
        answer = await browser.get("eleve.html", headers={"host": "evil.test", "x-forwarded-host": "evil.test"})
        assert answer.status_code == 302
        service = "https%3A%2F%2Fschool.test%2Fpronote%2Feleve.html"
        assert answer.headers["location"] == f"https://cas.test/cas/login?service={service}"


async def test_cookies_are_bound() -> None:
    async with client(TableUpstream()) as browser:
        secret = (await browser.get("parent.html")).cookies["pronote-form"]
        form = {"jeton": secret, "identifiant": "marie", "motdepasse": "secret"}
        browser.cookies.set("pronote-parent-retour", "notes%3Fperiode%3D2")
        answer = await browser.post("parent/entrer", data=form)
        assert answer.headers["location"] == "/pronote/parent/notes?periode=2"
        (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("pronote-parent=")]
        assert cookie == "pronote-parent=token-1; HttpOnly; Path=/pronote/; SameSite=lax; Secure"


async def test_bodies_are_bounded() -> None:
    async with client(TableUpstream()) as browser:
        assert (await browser.post("appelfonction/3/1/ab", content=b"x" * MAX_BODY_BYTES)).status_code == 200
        check_answer(await browser.get(""))  # the site is known: the headers say so
        check_answer(await browser.post("appelfonction/3/1/ab", content=b"x" * (MAX_BODY_BYTES + 1)), 413)
        check_answer(await browser.post("parent/entrer", data={"jeton": "x" * 20000}), 413)
        check_answer(await browser.post("parent/entrer", content=b"a", headers={"content-type": "text/plain"}), 415)
        check_answer(await browser.post("appelfonction/3/1/..%2f", content=b""), 404)


async def test_files_have_the_name_of_their_content_and_are_kept() -> None:
    async with client(TableUpstream()) as browser:
        page = check_answer(await browser.get(""))
        links = [page.select_one("link[rel=stylesheet]"), page.select_one("script"), page.select_one("link[rel=icon]")]
        for link in links:
            assert link is not None
            answer = await browser.get(f"https://school.test{link.get('href') or link.get('src')}")
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        check_answer(await browser.get("fichiers/style.css"), 404)
        assert (await browser.get("robots.txt")).text == "User-agent: *\nDisallow: /\n"


async def test_the_site_document_is_asked_for_once_a_second_at_most() -> None:
    upstream = TableUpstream()
    async with client(upstream) as browser:
        for _ in range(5):
            await browser.get("")
    assert len(upstream.asked) == 1
