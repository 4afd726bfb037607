"""A real school behind real replicas: what families and teachers read in the pages, and pronotepy behind them."""

from __future__ import annotations

from collections.abc import Iterator

import pronotepy
import pytest
import requests
from bs4 import BeautifulSoup

from tests.net.school import FIRST_MONDAY, MOTHER, OTHER_ID, PUPIL, PUPIL_ID, SISTER_ID, TEACHER, install_school
from tests.support.ent import form_fields
from tests.support.net_server import PASSWORD, NetServer, site_document
from tests.support.replica import Replica


@pytest.fixture(scope="module")
def replica(net: NetServer) -> Iterator[Replica]:
    install_school(net)
    with Replica(net) as found:
        net.publish(site_document(url=found.url().rstrip("/")))
        yield found


def logged_in(replica: Replica, page: str, username: str) -> requests.Session:
    """A browser of somebody who has logged in."""
    browser = requests.Session()
    fields = form_fields(browser.get(replica.url(f"{page}.html"), timeout=20).text)
    fields |= {"identifiant": username, "motdepasse": PASSWORD}
    home = browser.post(replica.url(f"{page}/entrer"), data=fields, timeout=20)
    assert "Bonjour" in home.text, home.text
    return browser


def read(browser: requests.Session, replica: Replica, path: str) -> str:
    """What can be read on a page."""
    answer = browser.get(replica.url(path), timeout=20)
    assert answer.status_code == 200, answer.text
    assert "IP" not in answer.text
    return " ".join(BeautifulSoup(answer.text, "html.parser").get_text(" ").split())


def test_a_mother_reads_for_each_of_her_children(replica: Replica) -> None:
    with logged_in(replica, "parent", MOTHER) as browser:
        week = read(browser, replica, f"parent/emploi-du-temps?semaine={FIRST_MONDAY}&enfant={PUPIL_ID}")
        assert "Semaine du lundi 31 août 2026" in week
        assert "MATHÉMATIQUES 8 h – 9 h" in week
        assert "Salle 101" in week
        sister = read(browser, replica, f"parent/travail?semaine={FIRST_MONDAY}&enfant={SISTER_ID}")
        assert "Lesson 1" in sister
        assert "Exercice 3" not in sister
        marks = read(browser, replica, f"parent/notes?enfant={PUPIL_ID}&periode=1")
        assert "12,25 / 20" in marks
        assert "8 / 10" in marks


def test_nobody_reads_of_somebody_else_s_child(replica: Replica) -> None:
    with logged_in(replica, "parent", MOTHER) as browser:
        for section in ("emploi-du-temps", "travail", "notes"):
            answer = browser.get(replica.url(f"parent/{section}?enfant={OTHER_ID}"), timeout=20)
            assert answer.status_code == 404


def test_a_pupil_reads_the_homework(replica: Replica) -> None:
    with logged_in(replica, "eleve", PUPIL) as browser:
        assert "Pour vendredi 4 septembre 2026" in read(browser, replica, f"eleve/travail?semaine={FIRST_MONDAY}")
        assert "Exercice 3 <page 12> & suivants" in read(browser, replica, f"eleve/travail?semaine={FIRST_MONDAY}")


def test_a_teacher_reads_the_own_timetable(replica: Replica) -> None:
    with logged_in(replica, "professeur", TEACHER) as browser:
        week = read(browser, replica, f"professeur/emploi-du-temps?semaine={FIRST_MONDAY}")
        assert "MATHÉMATIQUES" in week
        assert "ANGLAIS" not in week


def test_pronotepy_logs_in_through_the_replica(replica: Replica) -> None:
    pupil = pronotepy.Client(replica.url("eleve.html"), PUPIL, PASSWORD)
    assert pupil.logged_in
    assert [period.name for period in pupil.periods]
    parent = pronotepy.ParentClient(replica.url("parent.html"), MOTHER, PASSWORD)
    assert len(parent.children) == 2
