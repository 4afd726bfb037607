"""People with a real browser, in front of real replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.browser import BUTTONS, FIELDS, browser
from tests.support.net_server import PASSWORD, NetServer, site_document
from tests.support.replica import Replica

if TYPE_CHECKING:
    from pathlib import Path


def test_a_person_logs_in_looks_around_and_leaves(net: NetServer, tmp_path: Path) -> None:
    net.add_user("dupont", "vie-scolaire")
    with Replica(net) as replica, browser(tmp_path / "home") as page:
        net.publish(site_document(url=replica.url().rstrip("/")))
        page.open(replica.url())
        page.reads("Choisissez votre Espace", "Espace Élèves")
        page.follow("Espace Vie scolaire")
        page.fill("Identifiant", "dupont")
        page.fill("Mot de passe", "wrong")
        page.press("Se connecter")
        page.reads("Identifiant ou mot de passe incorrect.")
        page.fill("Mot de passe", PASSWORD)
        page.press("Se connecter")
        page.reads("Bonjour dupont")
        assert page.url == replica.url("viescolaire/accueil")
        page.follow("Utilisateurs connectés")
        page.reads("1 connexion", "Espace Vie scolaire")
        page.press("Se déconnecter")
        page.reads("Vous êtes déconnecté")
        page.open(replica.url("viescolaire/connexions"))
        page.reads("Identifiant")
        assert page.has(FIELDS, "Mot de passe")
        assert not page.has(BUTTONS, "Se déconnecter")
        assert "dupont" not in replica.log.read_text()
        log = page.driver.get_log("browser")  # type: ignore[no-untyped-call]
        assert not [entry for entry in log if "Content Security Policy" in str(entry["message"])], log
