"""The nine Espaces of PRONOTE.net (docs/reference/net-api.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pronote_server.words import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping


class Espace(StrEnum):
    """One Espace: what a kind of visitor is shown."""

    DIRECTION = "Direction"
    PROFESSEURS = "Professeurs"
    VIE_SCOLAIRE = "VieScolaire"
    PARENTS = "Parents"
    ELEVES = "Eleves"
    ACCOMPAGNANTS = "Accompagnants"
    ENTREPRISE = "Entreprise"
    ACADEMIE = "Academie"
    INSCRIPTION = "Inscription"

    @property
    def id(self) -> int:
        """Number of the Espace in the web protocol (genreEspace)."""
        return _IDS[self]

    @property
    def page(self) -> str:
        """Page of the Espace; `mobile.<page>` is the one for telephones."""
        return _PAGES[self]

    @property
    def mode(self) -> Mode:
        """What its connections are counted as."""
        return _MODES.get(self, Mode.CONSULTATION)


_IDS: Final[Mapping[Espace, int]] = {
    Espace.DIRECTION: 16,
    Espace.PROFESSEURS: 1,
    Espace.VIE_SCOLAIRE: 13,
    Espace.PARENTS: 2,
    Espace.ELEVES: 3,
    Espace.ACCOMPAGNANTS: 25,
    Espace.ENTREPRISE: 4,
    Espace.ACADEMIE: 5,
    Espace.INSCRIPTION: 18,
}

_PAGES: Final[Mapping[Espace, str]] = {
    Espace.DIRECTION: "direction.html",
    Espace.PROFESSEURS: "professeur.html",
    Espace.VIE_SCOLAIRE: "viescolaire.html",
    Espace.PARENTS: "parent.html",
    Espace.ELEVES: "eleve.html",
    Espace.ACCOMPAGNANTS: "accompagnant.html",
    Espace.ENTREPRISE: "entreprise.html",
    Espace.ACADEMIE: "academie.html",
    Espace.INSCRIPTION: "inscription.html",
}

_MODES: Final[Mapping[Espace, Mode]] = {
    Espace.PROFESSEURS: Mode.ENSEIGNANT,
    Espace.VIE_SCOLAIRE: Mode.VIE_SCOLAIRE,
}

BY_ID: Final[Mapping[int, Espace]] = {number: espace for espace, number in _IDS.items()}
"""Espaces by their number."""
