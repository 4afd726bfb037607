"""Every page of PRONOTE.net, as an application in this process shows it, in front of a table of answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx

from pronote_net.app import visitors_app
from pronote_net.cas import CasDown, Person, TicketValidator
from pronote_net.config import NetConfig
from pronote_net.desk import Desk
from pronote_net.metrics import Metrics
from pronote_net.site import Sites
from pronote_net.upstream import Refused, Upstream

if TYPE_CHECKING:
    from pronote_net.site import Delegation
    from pronote_net.upstream import Visit

SITE = {
    "published": True,
    "url": "https://school.test/pronote",
    "espaces": ["Direction", "Professeurs", "VieScolaire", "Parents", "Eleves", "Accompagnants", "Entreprise"],
    "delegations": [
        {"name": "ent", "casUrl": "https://cas.test/cas", "espaces": ["Eleves"], "direct": True},
    ],
    "displayName": "Lycée PHILIPPE <b>AUGUSTE</b>",
    "version": "2026.2.5",
    "timeZone": "Europe/Paris",
}
PERSON = {
    "espace": "Parents",
    "displayName": "Mme PHILIPPE",
    "children": [
        {"id": "7", "displayName": "KATY Alice", "className": "6A"},
        {"id": "8", "displayName": "KATY Bruno", "className": "4B"},
    ],
    "csrf": "c" * 64,
    "inactivityMinutes": 60,
}
LESSON = {"start": "08:00", "end": "09:00", "subject": "SCIENCES <i>", "teacher": "M. DIPIP", "room": "B12"}
ANSWERS: dict[str, Any] = {
    "GET /net/v1/site": SITE,
    "POST /net/v1/pages": {"session": "123456", "espaceId": 2, "encrypted": True, "compressed": True},
    "POST /net/v1/logins": {"token": "token-1", "csrf": "c"},
    "POST /net/v1/one-time-logins": {"token": "token-1", "csrf": "c"},
    "GET /net/v1/session": PERSON,
    "DELETE /net/v1/session": {},
    "GET /net/v1/timetable": {"days": [{"date": "2026-11-23", "lessons": [LESSON, LESSON | {"end": "10:00"}]}]},
    "GET /net/v1/homework": {
        "homework": [
            {"dueDate": "2026-11-26", "givenDate": "2026-11-20", "subject": "Maths", "content": "Exercice 3\n<b>p. 12"},
            {"dueDate": "2026-11-27", "givenDate": None, "subject": "Anglais", "content": "Lire"},
        ]
    },
    "GET /net/v1/marks": {
        "periods": [{"id": 1, "name": "Trimestre 1", "current": True}, {"id": 2, "name": "Trimestre 2"}],
        "subjects": [
            {
                "subject": "Maths",
                "average": 12.25,
                "marks": [{"date": "2026-11-10", "value": 14.5, "outOf": 20, "coefficient": 1}],
            }
        ],
    },
    "GET /net/v1/connections": {
        "connections": [
            {
                "application": "PRONOTE.net",
                "mode": "consultation",
                "espace": "Parents",
                "username": "PIPIN",
                "connectedTime": "2026-11-26T10:00:00Z",
            },
            {
                "application": "Client",
                "mode": "administratif",
                "username": "principale",
                "connectedTime": "2026-11-25T10:00:00Z",
            },
        ]
    },
    "POST /net/v1/cas-logins": {
        "outcome": "Known",
        "login": "abc",
        "password": "def",
        "session": "123456",
        "espaceId": 3,
        "encrypted": True,
        "compressed": True,
    },
}


class TableUpstream:
    """Answers out of a table, and remembers what was asked."""

    def __init__(self, **changes: Any) -> None:
        self.answers = ANSWERS | changes
        self.asked: list[tuple[str, dict[str, Any] | None]] = []

    async def ask(
        self, method: str, path: str, visit: Visit | None, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        self.asked.append((f"{method} {path}", body))
        found = self.answers[f"{method} {path.partition('?')[0]}"]
        if isinstance(found, Refused):
            raise found
        return cast("dict[str, Any]", found)

    async def call(self, path: str, visit: Visit, content: bytes) -> bytes:
        found = self.answers.get("call", b"{}")
        if isinstance(found, Refused):
            raise found
        return cast("bytes", found)


class TableTickets:
    """Knows what a CAS server says of every ticket."""

    def __init__(self, said: Person | CasDown | None) -> None:
        self.said = said
        self.asked: list[tuple[str, str]] = []

    async def validate(self, _delegation: Delegation, service: str, ticket: str) -> Person | None:
        self.asked.append((service, ticket))
        if isinstance(self.said, CasDown):
            raise self.said
        return self.said


async def by_the_ent(browser: httpx.AsyncClient, page: str = "parent.html") -> httpx.Response:
    """Come with a ticket, be sent to the ENT once more, and come back with another one."""
    sent = await browser.get(f"{page}?ticket=ST-1-abc")
    assert sent.status_code == 302, sent.text
    return await browser.get(back_from(sent), params={"ticket": "ST-2-abc", "depart": number_of(sent)})


def back_from(sent: httpx.Response) -> str:
    """The page that the ENT is to send a browser back to, without its number."""
    asked = parse_qs(urlsplit(sent.headers["location"]).query)["service"][0]
    return asked.partition("?")[0]


def number_of(sent: httpx.Response) -> str:
    """The number of a departure to the ENT; empty without one."""
    asked = parse_qs(urlsplit(sent.headers["location"]).query)["service"][0]
    return parse_qs(urlsplit(asked).query).get("depart", [""])[0]


def client(
    upstream: TableUpstream, said: Person | CasDown | None = None, tickets: TableTickets | None = None
) -> httpx.AsyncClient:
    """A browser in front of the application."""
    config = NetConfig(8000, 8080, "https://x", "/pronote", Path("t"), Path("a"), (), 1)
    fake = cast("Upstream", upstream)
    desk = Desk(config, fake, Sites(fake), cast("TicketValidator", tickets or TableTickets(said)), Metrics())
    transport = httpx.ASGITransport(visitors_app(desk), client=("192.0.2.1", 4711), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://school.test/pronote/")
