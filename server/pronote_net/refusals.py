"""What visitors read when something is refused (docs/reference/net-api.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronote_net.espaces import Espace
    from pronote_net.upstream import Refused


@dataclass(frozen=True)
class Notice:
    """A page that says no.

    Attributes:
        title: Its heading.
        text: One or two sentences.
    """

    title: str
    text: str


_AWAY: Final = Notice(
    "Le site n’est pas disponible", "Le site de l’établissement n’est pas disponible en ce moment. Réessayez plus tard."
)

_INVALID: Final = Notice("Demande non valable", "Le site n’a pas compris cette demande.")

SUSPENDED: Final = Notice(
    "Le site n’est pas disponible",
    "Votre adresse IP est provisoirement suspendue, à la suite de plusieurs erreurs de connexion. "
    "Réessayez plus tard, ou adressez-vous à l’établissement.",
)

_NOTICES: Final[Mapping[str, Notice]] = {
    "NotPublished": _AWAY,
    "OutOfService": _AWAY,
    "AddressSuspended": SUSPENDED,
    "AddressProhibited": Notice(
        "Accès refusé", "L’établissement n’autorise pas les connexions depuis le réseau que vous utilisez."
    ),
    "WrongEspace": Notice("Accès refusé", "Votre compte ne donne pas accès à cet Espace."),
    "AccountLocked": Notice("Compte verrouillé", "Votre compte est verrouillé. Adressez-vous à l’établissement."),
    "DirectLoginNotAllowed": Notice(
        "Accès refusé", "On n’entre dans cet Espace que par l’ENT (espace numérique de travail)."
    ),
    "LicenceFull": Notice(
        "Trop d’utilisateurs connectés",
        "Le nombre d’utilisateurs connectés en même temps est atteint. Réessayez plus tard.",
    ),
    "TicketUsed": Notice("Connexion déjà utilisée", "Cette connexion par l’ENT a déjà servi. Recommencez."),
    "TicketInvalid": Notice(
        "Connexion non valable", "L’ENT n’a pas confirmé votre connexion. Elle a peut-être déjà servi : recommencez."
    ),
    "DepartureUnknown": Notice(
        "Connexion non valable",
        "Cette connexion par l’ENT n’a pas été commencée dans ce navigateur, ou elle a trop duré. "
        "Recommencez, en autorisant les cookies.",
    ),
    "CasDown": Notice("L’ENT ne répond pas", "L’ENT qui vous identifie ne répond pas en ce moment."),
    "IdentificationFailed": Notice(
        "Identification impossible",
        "L’identité que l’ENT a transmise ne correspond à aucun compte de cet Espace. Adressez-vous à l’établissement.",
    ),
    "FormExpired": Notice("La page a expiré", "Cette page a expiré. Revenez à l’Espace et recommencez."),
    "SessionExpired": Notice("Session expirée", "Votre session a expiré. Connectez-vous de nouveau."),
    "NotFound": Notice("Page introuvable", "Cette page n’existe pas."),
    "MethodNotAllowed": _INVALID,
    "BodyTooLarge": Notice("Demande trop volumineuse", "Cette demande est trop volumineuse."),
    "RequestTimeout": Notice("Demande trop lente", "Cette demande n’est pas arrivée à temps."),
    "Failure": Notice("Erreur", "Une erreur s’est produite. Réessayez plus tard."),
}


def notice_of(refused: Refused, espace: Espace | None) -> Notice:
    """Return what a visitor reads. Pure."""
    if refused.reason == "EspaceNotPublished" and espace is not None:
        return Notice(
            f"Vous n’avez pas accès à l’{espace.title}", "L’établissement ne publie pas cet Espace en ce moment."
        )
    if refused.status == 404:
        return _NOTICES["NotFound"]
    return _NOTICES.get(refused.reason, _AWAY if refused.status >= 500 else _INVALID)
