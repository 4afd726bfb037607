"""A published base, as the tests of the Espaces know it: whatever it runs on, they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

PAGES = {"Professeurs": "professeur.html", "Parents": "parent.html", "Eleves": "eleve.html"}
"""Of the Espaces that the tests visit."""

DIRECT = "?login=true"
"""Asks for the login of the school itself where an ENT is in front."""

PASSWORD = "Rentree-2026-cahier"


@dataclass(frozen=True)
class Visitor:
    """Somebody with an account.

    Attributes:
        espace: where they go.
        name: as pages and clients show it.
        children: of a guardian, by the names that pages show.
        ent: what they type in the ENT; the password there is that of `tests.support.cas_accounts`.
    """

    espace: str
    username: str
    name: str
    children: tuple[str, ...] = ()
    ent: str = ""
    password: str = PASSWORD


class Hosting(Protocol):
    """What the people of the hosting can do about a published base."""

    def publish(self, *espaces: str) -> None:
        """Publish these Espaces and no others, and wait until it is so."""

    def stop(self) -> None:
        """Stop the publication, and wait until it is so."""

    def end_sessions(self) -> None:
        """Log everybody out."""

    def release_addresses(self) -> None:
        """Give suspended addresses back."""


@dataclass(frozen=True)
class Site:
    """See the module.

    Attributes:
        url: under which the pages are.
        espaces: that are published when nobody has changed it.
    """

    url: str
    pupil: Visitor
    guardian: Visitor
    teacher: Visitor
    hosting: Hosting
    espaces: Sequence[str] = ("Professeurs", "Parents", "Eleves")

    def page(self, visitor: Visitor, *, direct: bool = True) -> str:
        """Where a visitor goes; past the ENT unless not `direct`."""
        return f"{self.url}/{PAGES[visitor.espace]}{DIRECT if direct else ''}"
