"""Coming in through an ENT: real replicas, a real server, and a real CAS server over TLS with its own authority."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pronotepy
import pytest
import requests

from pronote_net.cas import CasDown, ask_cas
from pronote_net.site import Delegation
from tests.conformance.certificates import new_authority, write_certificate
from tests.support.cas_accounts import ALICE, NOBODY
from tests.support.cas_accounts import PASSWORD as ENT_PASSWORD
from tests.support.cas_server import CasServer
from tests.support.ent import ent_of, form_fields, trusting
from tests.support.net_server import PASSWORD, NetServer, site_document
from tests.support.replica import Replica

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Ent:
    """Everything that the tests of this module share."""

    cas: CasServer
    net: NetServer
    first: Replica
    second: Replica

    def publish(self, **changes: object) -> None:
        """Publish with a delegation of the Espace Vie scolaire."""
        delegation = {
            "name": "ent",
            "casUrl": self.cas.url,
            "protocol": "CAS3",
            "caBundle": self.cas.ca_file.read_text(),
            "espaces": ["VieScolaire"],
            "direct": True,
            "identification": {"by": "FirstLogin"},
            **changes,
        }
        url = f"http://127.0.0.1:{self.first.port}/pronote"
        assert self.net.publish(site_document(url=url, delegations=[delegation])).status == 200
        time.sleep(1.1)

    def browser(self, username: str) -> requests.Session:
        """A browser whose person has logged in at the ENT."""
        session = requests.Session()
        session.cookies.update(ent_of(self.cas)(username, ENT_PASSWORD))
        return session

    def visit(self, browser: requests.Session) -> requests.Response:
        """Open the Espace: there and back through the ENT."""
        return browser.get(self.first.url("viescolaire.html"), timeout=20)


@pytest.fixture(scope="module")
def ent(net: NetServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ent]:
    folder = tmp_path_factory.mktemp("cas")
    net.add_user("dupont", "vie-scolaire")
    with Replica(net) as first, Replica(net) as second:
        services = [f"http://127.0.0.1:{first.port}/pronote/"]
        with CasServer(folder, services) as cas, trusting(folder / "bundle.pem", cas.ca_file):
            found = Ent(cas, net, first, second)
            found.publish()
            with found.browser(ALICE.username) as browser:
                shown = found.visit(browser)
                assert "L’ENT vous a reconnu" in shown.text
                fields = form_fields(shown.text) | {"identifiant": "dupont", "motdepasse": PASSWORD}
                tied = browser.post(second.url("viescolaire/entrer"), data=fields, timeout=20)
                assert "Bonjour dupont" in tied.text
            yield found


@pytest.mark.parametrize("protocol", ["CAS1", "CAS2", "CAS3", "SAML1"])
def test_whoever_the_ent_knows_comes_in_without_a_password(ent: Ent, protocol: str) -> None:
    ent.publish(protocol=protocol)
    with ent.browser(ALICE.username) as browser:
        shown = ent.visit(browser)
        assert "data-continue" in shown.text
        home = browser.post(ent.second.url("viescolaire/entrer-par-ent"), data=form_fields(shown.text), timeout=20)
        assert "Bonjour dupont" in home.text
        again = browser.post(ent.first.url("viescolaire/entrer-par-ent"), data=form_fields(shown.text), timeout=20)
        assert again.status_code == 403


def test_pronotepy_comes_in_through_the_ent(ent: Ent) -> None:
    ent.publish()
    url = ent.first.url("viescolaire.html")
    client = pronotepy.Client(url, ALICE.username, ENT_PASSWORD, ent=ent_of(ent.cas))
    assert client.logged_in
    assert pronotepy.Client(f"{url}?login=true", "dupont", PASSWORD).logged_in


def test_a_ticket_is_good_once(ent: Ent) -> None:
    ent.publish()
    with ent.browser(ALICE.username) as browser:
        asked = browser.get(ent.first.url("viescolaire.html"), timeout=20, allow_redirects=False)
        assert asked.headers["location"].startswith(f"{ent.cas.url}/login?service=http%3A%2F%2F127.0.0.1")
        back = browser.get(asked.headers["location"], timeout=20, allow_redirects=False).headers["location"]
        assert browser.get(back, timeout=20).status_code == 200
        elsewhere = ent.second.url("viescolaire.html?") + urlsplit(back).query
        replayed = browser.get(elsewhere, timeout=20)
        assert replayed.status_code == 403
        assert "L’ENT n’a pas confirmé" in replayed.text


def test_somebody_whom_nobody_knows_is_told_so(ent: Ent) -> None:
    ent.publish(identification={"by": "Identity"})
    with ent.browser(NOBODY.username) as browser:
        shown = ent.visit(browser)
        assert shown.status_code == 403
        assert "Identification impossible" in shown.text


def test_direct_logins_are_only_for_espaces_that_allow_them(ent: Ent) -> None:
    ent.publish(direct=False)
    answer = requests.get(ent.first.url("viescolaire.html?login=true"), timeout=20)
    assert answer.status_code == 403
    assert "par l’ENT" in answer.text
    ent.publish()
    assert requests.get(ent.first.url("viescolaire.html?login=true"), timeout=20).status_code == 200


def test_another_authority_than_the_delegation_s_is_not_trusted(ent: Ent) -> None:
    for bundle in (new_authority("Other").pem, None):
        ent.publish(caBundle=bundle)
        with ent.browser(ALICE.username) as browser:
            shown = ent.visit(browser)
            assert shown.status_code == 502
            assert "viescolaire.html?login=true" in shown.text


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """A CAS server that does what one should not."""

    behaviour = ""
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
        match self.behaviour:
            case "redirect":
                self.send_response(302)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()
            case "endless":
                self.send_response(200)
                self.end_headers()
                for _ in range(1000):
                    self.wfile.write(b"<a>" * 1000)
            case "slow":
                self.send_response(200)
                self.end_headers()
                for _ in range(20):
                    self.wfile.write(b" ")
                    time.sleep(0.5)
            case "bomb":
                user = b"<cas:authenticationSuccess><cas:user>&b;</cas:user></cas:authenticationSuccess>"
                self._send(bomb + b'<cas:serviceResponse xmlns:cas="x">' + user + b"</cas:serviceResponse>")
            case "rubbish":
                self._send(b"<html><p>Hello")
            case "other":
                self._send(b"<a/>")
            case "error":
                self.send_error(500)

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("behaviour", ["redirect", "endless", "slow", "bomb", "rubbish", "other", "error"])
def test_a_cas_server_that_misbehaves_is_one_that_does_not_answer(tmp_path: Path, behaviour: str) -> None:
    authority = new_authority("Bad")
    write_certificate(tmp_path, authority, ("127.0.0.1",))
    handler = type("Handler", (Misbehaving,), {"behaviour": behaviour, "asked": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port = server.server_port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    delegation = Delegation(name="bad", cas_url=f"https://127.0.0.1:{port}/cas", ca_bundle=authority.pem)
    began = time.monotonic()
    try:
        with pytest.raises(CasDown):
            ask_cas(delegation, "https://school.test/pronote/eleve.html", "ST-1")
    finally:
        server.shutdown()
        server.server_close()
    assert time.monotonic() - began < 8
    assert handler.asked == 1  # type: ignore[attr-defined]
