"""The nine Espaces of PRONOTE.net as visitors see them (docs/reference/net-api.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Espace:
    """One Espace.

    Attributes:
        name: As the port and the site document name it.
        slug: What its page's name begins with, and the folder of its further pages.
        number: `genreEspace` of the web protocol.
        title: What people read.
        purpose: One sentence on its home page; empty where the home page shows something.
        sections: Slugs of its pages beside the home page, in the order of the menu.
    """

    name: str
    slug: str
    number: int
    title: str
    purpose: str = ""
    sections: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """File name of its page."""
        return f"{self.slug}.html"


TIMETABLE: Final = "emploi-du-temps"
HOMEWORK: Final = "travail"
MARKS: Final = "notes"
CONNECTIONS: Final = "connexions"

SECTION_TITLES: Final[Mapping[str, str]] = {
    TIMETABLE: "Emploi du temps",
    HOMEWORK: "Travail à faire",
    MARKS: "Notes",
    CONNECTIONS: "Utilisateurs connectés",
}

ESPACES: Final = (
    Espace("Direction", "direction", 16, "Espace Direction", sections=(CONNECTIONS,)),
    Espace("Professeurs", "professeur", 1, "Espace Professeurs", sections=(TIMETABLE,)),
    Espace("VieScolaire", "viescolaire", 13, "Espace Vie scolaire", sections=(CONNECTIONS,)),
    Espace("Parents", "parent", 2, "Espace Parents", sections=(TIMETABLE, HOMEWORK, MARKS)),
    Espace("Eleves", "eleve", 3, "Espace Élèves", sections=(TIMETABLE, HOMEWORK, MARKS)),
    Espace(
        "Accompagnants",
        "accompagnant",
        25,
        "Espace Accompagnants",
        "Cet Espace est celui des accompagnants d’élèves en situation de handicap.",
    ),
    Espace(
        "Entreprise",
        "entreprise",
        4,
        "Espace Entreprise",
        "Cet Espace est celui des maîtres de stage qui accueillent des élèves de l’établissement.",
    ),
    Espace(
        "Academie",
        "academie",
        5,
        "Espace Académie",
        "Cet Espace est celui des inspecteurs de l’académie.",
    ),
    Espace(
        "Inscription",
        "inscription",
        18,
        "Espace Inscription",
        "Cet Espace est celui des familles qui inscrivent un enfant dans l’établissement.",
    ),
)

BY_NAME: Final = {espace.name: espace for espace in ESPACES}
BY_SLUG: Final = {espace.slug: espace for espace in ESPACES}
