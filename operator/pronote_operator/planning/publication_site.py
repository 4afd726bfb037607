"""What is published of a base: the addresses of its pages, and the site document that follows from a Publication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pronote_operator.api.fields import ESPACES, Espace
from pronote_operator.api.publication import Publication, PublicationSpec

PAGES: dict[Espace, str] = {
    "Direction": "direction.html",
    "Professeurs": "professeur.html",
    "VieScolaire": "viescolaire.html",
    "Parents": "parent.html",
    "Eleves": "eleve.html",
    "Accompagnants": "accompagnant.html",
    "Entreprise": "entreprise.html",
    "Academie": "academie.html",
    "Inscription": "inscription.html",
}
"""The page of each Espace (docs/reference/net-api.md)."""


def published_espaces(spec: PublicationSpec) -> list[Espace]:
    """The Espaces that are published, in the order in which they are always named."""
    return [espace for espace in ESPACES if espace in spec.espaces]


def address(scheme: str, host: str, path: str, port: int | None = None) -> str:
    """The URL of the pages, without a slash at its end.

    Args:
        path: as in `spec.path`.
        port: None: the scheme's own.
    """
    return f"{scheme}://{host}{f':{port}' if port is not None else ''}{path.rstrip('/')}"


def espace_links(url: str, espaces: Iterable[Espace]) -> list[dict[str, str]]:
    """`status.espaces`: the page of each Espace under `url`."""
    return [{"name": espace, "url": f"{url}/{PAGES[espace]}"} for espace in espaces]


def site_document(publication: Publication, url: str, delegations: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The site document (docs/reference/net-api.md) that is wanted, without `revision`.

    Args:
        url: of the pages.
        delegations: their part, as `planning.delegation.documents` gives it.
    """
    spec = publication.spec
    return {
        "published": spec.published,
        "url": url,
        "espaces": published_espaces(spec),
        "inactivityMinutes": spec.inactivity_minutes,
        "delegations": [dict(one) for one in delegations],
    }


def revised(wanted: Mapping[str, Any], previous: Mapping[str, Any] | None, milliseconds: int) -> dict[str, Any]:
    """The document with the revision of the moment, which is more than that of the one before, whatever the clock says.

    Args:
        previous: the last document made; None when there is none.
        milliseconds: the present, since 1970.
    """
    newest = int(previous["revision"]) if previous is not None else -1
    return {"revision": max(milliseconds, newest + 1), **wanted}


def same_content(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two documents say the same, whatever their revisions."""
    return _plain(one) == _plain(other)


def _plain(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {name: value for name, value in document.items() if name != "revision"} if document is not None else None
