"""What people see in the pages with a browser, without a mouse: each step begins in a browser that nobody has used.

Pages are known by what can be read on them. Every page that is read is kept as a picture, for whoever wants to look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

from pronote_net.french import long_date
from tests.espaces.site import WRONG_LOGINS, Site, Visitor
from tests.support.browser import Browser
from tests.support.cas_accounts import PASSWORD as ENT_PASSWORD

TIMETABLE, HOMEWORK, MARKS, CONNECTIONS = "Emploi du temps", "Travail à faire", "Notes", "Utilisateurs connectés"

WRONG = "Identifiant ou mot de passe incorrect."

HOMEWORK_DAYS = 14
"""That a page shows, from its Monday."""

TIME_ZONE = ZoneInfo("Europe/Paris")
"""Of the tests' bases."""


@dataclass(frozen=True)
class Person:
    """Somebody at a browser.

    Args:
        pictures: folder for what is seen.
    """

    page: Browser
    site: Site
    pictures: Path

    def comes(self, visitor: Visitor, *, by_ent: bool = False) -> None:
        """Log in: directly, or by the ENT."""
        self.page.open(self.site.page(visitor, direct=not by_ent))
        if by_ent:
            self.types(("Nom d’utilisateur", visitor.ent), ("Mot de passe", ENT_PASSWORD))
        else:
            self.types(("Identifiant", visitor.username), ("Mot de passe", visitor.password))
        self.page.reads(f"Bonjour {visitor.name}")

    def types(self, *fields: tuple[str, str]) -> None:
        """Fill fields, by their labels, and press the key Enter in the last one."""
        for label, text in fields:
            self.page.reach(label)
            self.page.type(text)
        self.page.enter()

    def sees(self, name: str, *texts: str) -> None:
        """Wait for a page, and keep a picture of it."""
        self.page.reads(*texts)
        self.page.picture(self.pictures / f"{name}.png")


def a_pupil_reads(person: Person, *, by_ent: bool = False) -> None:
    """Timetable, homework and marks of the pupil's own, and logs out."""
    pupil = person.site.pupil
    person.comes(pupil, by_ent=by_ent)
    _reads_timetable(person, pupil.name)
    _reads_homework(person, pupil.name)
    _reads_marks(person, pupil.name)
    person.page.go("Se déconnecter")
    left = ["Vous êtes déconnecté", *(["Votre session dans l’ENT reste ouverte"] if by_ent else [])]
    person.sees("logged-out", *left)


def a_guardian_reads(person: Person, *, by_ent: bool = False) -> None:
    """The same of each child, one after the other."""
    guardian = person.site.guardian
    person.comes(guardian, by_ent=by_ent)
    person.sees("children", "Vos enfants", *guardian.children)
    for child in guardian.children:
        _reads_timetable(person, child, child)
        _reads_homework(person, child, child)
        _reads_marks(person, child, child)


def a_teacher_reads(person: Person, *, by_ent: bool = False) -> None:
    """The teacher's own timetable, and nothing else is there to be read."""
    person.comes(person.site.teacher, by_ent=by_ent)
    _reads_timetable(person, person.site.teacher.name)
    assert not {HOMEWORK, MARKS, CONNECTIONS} & set(person.page.text.splitlines())


def the_staff_sees_who_is_connected(person: Person) -> None:
    """Those who have logged in, and in which Espace."""
    person.comes(person.site.pupil)
    person.comes(person.site.staff)
    person.page.go(CONNECTIONS)
    there = (person.site.pupil.username, "Espace Élèves", person.site.staff.username, "Espace Direction")
    person.sees("connections", "Connecté depuis", *there)


def a_wrong_password_is_told(person: Person) -> None:
    """What was typed was wrong; which of the two is not said. The right one is taken afterwards."""
    person.page.open(person.site.page(person.site.pupil))
    _types_a_wrong_password(person)
    person.sees("wrong-password", WRONG)
    person.comes(person.site.pupil)


def an_espace_that_is_not_published_is_told(person: Person) -> None:
    """The page says so, and the others are as before."""
    site = person.site
    site.hosting.publish(*(name for name in site.espaces if name != site.pupil.espace))
    try:
        person.page.open(site.page(site.pupil))
        person.sees("not-published", "Vous n’avez pas accès à l’Espace Élèves")
        person.comes(site.guardian)
    finally:
        site.hosting.publish(*site.espaces)
    person.comes(site.pupil)


def a_stopped_publication_is_told(person: Person) -> None:
    """Who is logged in is told too, and goes on with the same session when all is published again."""
    site = person.site
    person.comes(site.pupil)
    site.hosting.stop()
    try:
        person.page.go(TIMETABLE)
        person.sees("stopped", "Le site n’est pas disponible")
    finally:
        site.hosting.publish(*site.espaces)
    person.page.open(person.page.url)
    person.page.reads(_this_week())


def a_session_that_ended_is_told(person: Person) -> None:
    """Whoever goes on is asked to log in again, and then comes to where they were going."""
    pupil = person.site.pupil
    person.comes(pupil)
    person.site.hosting.end_sessions()
    person.page.go(TIMETABLE)
    person.sees("session-ended", "Votre session a expiré")
    person.types(("Identifiant", pupil.username), ("Mot de passe", pupil.password))
    person.page.reads(_this_week())


def a_session_that_ended_is_opened_again_by_the_ent(person: Person) -> None:
    """The ENT still knows the person, who sees nothing of it."""
    person.comes(person.site.pupil, by_ent=True)
    person.site.hosting.end_sessions()
    person.page.go(TIMETABLE)
    person.page.reads(_this_week())


def a_suspended_address_is_told(person: Person) -> None:
    """After too many wrong passwords the page says that the address is suspended, until it is given back."""
    site = person.site
    try:
        for _ in range(WRONG_LOGINS):  # fewer when others have typed wrong ones from this address before
            person.page.open(site.page(site.pupil))
            if "Connexion" not in person.page.text:
                break
            _types_a_wrong_password(person)
            person.page.reads(WRONG)
        person.page.open(site.page(site.pupil))
        person.sees("suspended", "Votre adresse IP est provisoirement suspendue")
    finally:
        site.hosting.release_addresses()
    person.comes(site.pupil)


READING = (a_pupil_reads, a_guardian_reads, a_teacher_reads)
BEING_TOLD = (
    a_wrong_password_is_told,
    an_espace_that_is_not_published_is_told,
    a_stopped_publication_is_told,
    a_session_that_ended_is_told,
    a_suspended_address_is_told,
)


def _types_a_wrong_password(person: Person) -> None:
    person.types(("Identifiant", person.site.pupil.username), ("Mot de passe", "not the password"))


def _reads_timetable(person: Person, name: str, child: str = "") -> None:
    """This week first, as the page opens; then the week of which all lessons are known."""
    person.page.go(TIMETABLE)
    person.page.reads(_this_week())
    _chooses(person, child, TIMETABLE)
    _goes_to_week(person)
    person.sees(f"timetable-{name}", f"Semaine du {long_date(person.site.monday)}")
    _counts(person, (subject for _, subject in person.site.records[name].lessons))


def _reads_homework(person: Person, name: str, child: str = "") -> None:
    person.page.go(HOMEWORK)
    person.page.reads("Pour les deux semaines du")
    _chooses(person, child, HOMEWORK)
    _goes_to_week(person)
    monday = person.site.monday
    person.sees(f"homework-{name}", f"Pour les deux semaines du {long_date(monday)}")
    after = monday + timedelta(days=HOMEWORK_DAYS)
    _counts(person, (subject for due, subject in person.site.records[name].homework if monday <= due < after))


def _reads_marks(person: Person, name: str, child: str = "") -> None:
    person.page.go(MARKS)
    person.page.reads("Trimestre 3")
    _chooses(person, child, MARKS)
    person.page.go("Trimestre 1")
    marks = person.site.records[name].marks
    subjects = sorted({subject for _, subject in marks})
    person.sees(f"marks-{name}", *(f"{subject} : moyenne" for subject in subjects))
    assert person.page.text.count(" / ") == len(marks), person.page.describe()
    assert person.page.text.count(" : moyenne") == len(subjects), person.page.describe()


def _chooses(person: Person, child: str, title: str) -> None:
    """Choose a child, where there is a choice."""
    if child:
        person.page.go(f"{child} ({person.site.records[child].class_name})")
        joint = " : " if title == HOMEWORK else " de "
        person.page.reads(f"{title}{joint}{child}")


def _goes_to_week(person: Person) -> None:
    """Change the week in the address."""
    address = urlsplit(person.page.url)
    query = {**dict(parse_qsl(address.query)), "semaine": person.site.monday.isoformat()}
    person.page.open(address._replace(query=urlencode(query)).geturl())


def _counts(person: Person, subjects: Iterable[str]) -> None:
    """Each subject can be read as often as it must, and no other one."""
    wanted = Counter(subjects)
    assert wanted, "nothing to be read"
    every = {subject for record in person.site.records.values() for _, subject in record.lessons}
    text = person.page.text
    assert {subject: text.count(subject) for subject in every} == {subject: wanted[subject] for subject in every}


def _this_week() -> str:
    today = datetime.now(TIME_ZONE).date()
    monday: date = today - timedelta(days=today.weekday())
    return f"Semaine du {long_date(monday)}"
