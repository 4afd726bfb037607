"""The browser of the tests trusts the authorities it is told of, and no others, and finds things by what they say."""

from __future__ import annotations

from pathlib import Path

from tests.support.browser import BUTTONS, FIELDS, browser
from tests.support.cas_accounts import ALICE, PASSWORD
from tests.support.cas_server import CasServer


def test_a_person_logs_in_at_the_ent(tmp_path: Path) -> None:
    with CasServer(tmp_path / "cas", []) as cas, browser(tmp_path / "home", [cas.ca_file]) as page:
        page.open(f"{cas.url}/login")
        assert not page.has(FIELDS, "Adresse")
        page.fill("Nom d’utilisateur", ALICE.username)
        page.fill("Mot de passe", PASSWORD)
        page.press("Connexion")
        page.reads("Connexion réussie")
        assert not page.has(BUTTONS, "Connexion")


def test_an_authority_that_was_not_named_is_not_trusted(tmp_path: Path) -> None:
    with CasServer(tmp_path / "cas", []) as cas, browser(tmp_path / "home") as page:
        page.open(f"{cas.url}/login")
        page.reads("ERR_CERT_AUTHORITY_INVALID")
        assert not page.has(FIELDS, "Mot de passe")


def test_a_host_name_may_be_given_an_address(tmp_path: Path) -> None:
    with (
        CasServer(tmp_path / "cas", [], names=("cas.ent.test",)) as cas,
        browser(tmp_path / "home", [cas.ca_file], {"*.ent.test": cas.host}) as page,
    ):
        page.open(f"https://cas.ent.test:{cas.port}/cas/login")
        page.reads("Mot de passe")
