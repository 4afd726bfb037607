"""A published base, as the tests of the Espaces know it: whatever it runs on, they are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

PAGES = {
    "Direction": "direction.html",
    "Professeurs": "professeur.html",
    "Parents": "parent.html",
    "Eleves": "eleve.html",
}
"""Of the Espaces that the tests visit."""

DIRECT = "?login=true"
"""Asks for the login of the school itself where an ENT is in front."""

WRONG_LOGINS = 10
"""After which an address is suspended at the level Medium, which is a base's default."""


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
    password: str = field(repr=False)
    name: str = ""
    children: tuple[str, ...] = ()
    ent: str = ""


@dataclass(frozen=True)
class Record:
    """What the base holds about somebody, so that nothing that is read may be another's, or missing.

    Attributes:
        class_name: of a pupil.
        lessons: of the week from `Site.monday`, in their order: when each begins, and its subject.
        homework: when each is due, and its subject, in their order.
        marks: when each was given, and its subject, in their order.
    """

    lessons: tuple[tuple[datetime, str], ...]
    class_name: str = ""
    homework: tuple[tuple[date, str], ...] = ()
    marks: tuple[tuple[date, str], ...] = ()


class Hosting(Protocol):
    """What the people of the hosting can do about a published base."""

    def publish(self, *espaces: str) -> None:
        """Publish these Espaces and no others, and wait until visitors see it so."""

    def stop(self) -> None:
        """Stop the publication, and wait until visitors see it so."""

    def end_sessions(self) -> None:
        """Log everybody out."""

    def release_addresses(self) -> None:
        """Give suspended addresses back."""


@dataclass(frozen=True)
class Site:
    """See the module.

    Attributes:
        url: under which the pages are.
        staff: somebody who may see who is connected.
        records: of the pupil, the guardian's children and the teacher, by the names that pages show.
        monday: of a week of lessons in every class.
        espaces: that are published when nobody has changed it.
    """

    url: str
    pupil: Visitor
    guardian: Visitor
    teacher: Visitor
    staff: Visitor
    records: Mapping[str, Record]
    monday: date
    hosting: Hosting
    espaces: Sequence[str] = ("Direction", "Professeurs", "Parents", "Eleves")

    def page(self, visitor: Visitor, *, direct: bool = True) -> str:
        """Where a visitor goes; past the ENT unless not `direct`."""
        return f"{self.url}/{PAGES[visitor.espace]}{DIRECT if direct else ''}"
