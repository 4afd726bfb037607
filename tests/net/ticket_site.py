"""Two bases behind one ENT, each with replicas, and browsers that come from addresses of their own."""

from __future__ import annotations

import itertools
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import requests

from tests.conformance.harness import Volume
from tests.net.school import install_school
from tests.support.cas_accounts import GUARDIAN, PASSWORD, PUPIL, person
from tests.support.ent import ent_of
from tests.support.net_server import NetServer, prepare_net, site_document
from tests.support.replica import Replica

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cas_server import CasServer

ZOE = person("zoe.ent", "LEFEVRE DUC", "Zoé", PUPIL, birth_date="03/02/2015")
ANNE = person("anne.ent", "DUC", "Anne-Laure", GUARDIAN, postal_code="75012")
LEA, MAX = (person(f"{name.lower()}.ent", "INCONNU", name, GUARDIAN) for name in ("Lea", "Max"))
"""Whom no base knows."""

ELEVES, PARENTS = "eleve.html", "parent.html"
VISITORS = {"PRONOTE_NET_TRUSTED_PROXIES": "127.0.0.1/32"}
"""Environment of replicas that believe who the tests' browsers come for: otherwise all would be suspended together."""

_addresses = (f"192.0.2.{number % 250}" for number in itertools.count(1))


@dataclass(frozen=True)
class School:
    """One base.

    Attributes:
        path: under which its pages are: cookies of one host are told apart by it.
    """

    server: NetServer
    replicas: tuple[Replica, ...]
    path: str = "/pronote"

    def url(self, page: str, replica: int = 0) -> str:
        """Of a page at one of its replicas."""
        return f"http://127.0.0.1:{self.replicas[replica].port}{self.path}/{page}"

    def publish(self, cas_url: str, authority: str, **changes: object) -> None:
        """Leave the pupils and guardians to an ENT.

        Args:
            authority: that signed its certificate, PEM.
        """
        delegation = {
            "name": "ent",
            "casUrl": cas_url,
            "protocol": "CAS3",
            "caBundle": authority,
            "espaces": ["Eleves", "Parents"],
            "direct": True,
            "identification": {"by": "Identity"},
            **changes,
        }
        document = site_document(url=self.url("").rstrip("/"), delegations=[delegation])
        assert self.server.publish(document).status == 200

    def connections(self) -> set[int]:
        """The sessions that are open now."""
        return {one["id"] for one in self.server.admin("GET", "/v1/connections").json["connections"]}

    def is_inside(self, browser: requests.Session, espace: str = "eleve") -> bool:
        """Whether the browser has a session."""
        answer = browser.get(self.url(f"{espace}/travail"), timeout=20, allow_redirects=False)
        assert answer.status_code in (200, 303), answer.text
        return answer.status_code == 200


def new_browser() -> requests.Session:
    """A browser that nobody knows, from an address of its own."""
    browser = requests.Session()
    browser.headers["X-Forwarded-For"] = next(_addresses)
    return browser


def at_the_ent(cas: CasServer, username: str = ZOE.username) -> requests.Session:
    """A browser whose person has logged in at the ENT."""
    browser = new_browser()
    browser.cookies.update(ent_of(cas)(username, PASSWORD))
    return browser


def ticket_for(browser: requests.Session, cas: CasServer, service: str) -> str:
    """A fresh ticket, as the ENT gives it to a browser that is logged in there."""
    answer = browser.get(f"{cas.url}/login", params={"service": service}, allow_redirects=False, timeout=20)
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["ticket"][0]


def hurried_server(root: Path, seconds: float) -> NetServer:
    """A running server with the small school, whose one-time logins end early."""
    program = f"""if True:
        from pronote_server.web import once
        once.ONE_TIME_LOGIN_SECONDS = {seconds}
        from pronote_server.main import main
        main()
    """
    volume = Volume(root)
    volume.prepare()
    server = NetServer(shlex.join([sys.executable, "-c", program, "serve"]), volume, prepare_net(volume))
    server.start()
    server.publish(site_document())
    install_school(server)
    return server
