"""What an ENT tells of a person, read from a ticket's attributes. Pure.

ENTs name and write things in their own ways: names of attributes are configured, categories come as `National_1` or
joined by `;`, dates as `15/04/2015` or `2015-04-15`, the vector of ÉduConnect (`FrEduVecteur`) as
`profile|last|first|pupil|UAI`, once for each child.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from pronote_server.storage.identities import PersonKind
from pronote_server.uai import is_valid_uai

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pronote_server.web.site import AttributeNames

    Attributes = Mapping[str, Sequence[str]]


CATEGORIES: Final = {
    "national_1": PersonKind.PUPIL,
    "national_elv": PersonKind.PUPIL,
    "national_2": PersonKind.GUARDIAN,
    "national_tut": PersonKind.GUARDIAN,
    "national_3": PersonKind.TEACHER,
    "national_ens": PersonKind.TEACHER,
    "national_4": PersonKind.STAFF,
    "national_5": PersonKind.STAFF,
    "national_6": PersonKind.STAFF,
    "national_dir": PersonKind.STAFF,
    "national_evs": PersonKind.STAFF,
    "national_eta": PersonKind.STAFF,
}
"""Categories as ENTs write them, in lower case. Others (académie, collectivité) are nobody of a school's base."""

PROFILES: Final = {"1": PersonKind.GUARDIAN, "2": PersonKind.GUARDIAN, "3": PersonKind.PUPIL, "4": PersonKind.PUPIL}
"""First member of `FrEduVecteur`."""

UAI_ATTRIBUTES: Final = frozenset({"uai", "rne", "escouai", "escouaicourant", "schools", "entpersonstructrattachuai"})
"""Attributes that name establishments, in lower case."""

MAX_VECTORS: Final = 20
"""Vectors of one ticket that are read: children of one family."""


@dataclass(frozen=True)
class Vector:
    """One `FrEduVecteur`; empty texts are not told."""

    kind: PersonKind
    last_name: str
    first_name: str
    pupil_id: str
    uai: str


@dataclass(frozen=True)
class TicketIdentity:
    """What an ENT tells of a person; empty or None is not told.

    Attributes:
        kinds: Kinds of person; empty when no category is told.
        uais: Establishments that are named; empty when none is.
        vectors: One for each child of a guardian, or one.
    """

    kinds: frozenset[PersonKind]
    last_name: str
    first_name: str
    birth_date: date | None
    postal_code: str
    pronote_id: str
    uais: frozenset[str]
    vectors: tuple[Vector, ...]


def read_identity(attributes: Attributes, names: AttributeNames) -> TicketIdentity:
    """Read a ticket's attributes; names of attributes are the same in upper and lower case."""
    known = {name.lower(): [value.strip() for value in values] for name, values in attributes.items()}
    vectors = tuple(
        vector for text in known.get("freduvecteur", [])[:MAX_VECTORS] if (vector := _vector(text)) is not None
    )
    categories = {part.strip().lower() for text in known.get(names.category.lower(), []) for part in text.split(";")}
    kinds = {CATEGORIES[category] for category in categories if category in CATEGORIES}
    return TicketIdentity(
        frozenset(kinds | {vector.kind for vector in vectors}),
        _one(known, names.last_name),
        _one(known, names.first_name),
        read_date(_one(known, names.birth_date)),
        _one(known, names.postal_code).replace(" ", ""),
        _one(known, names.pronote_id),
        frozenset(_uais(known) | {vector.uai for vector in vectors if vector.uai}),
        vectors,
    )


def read_date(text: str) -> date | None:
    """Read `15/04/2015` or `2015-04-15`, also with a time behind it; None for anything else."""
    french = re.match(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?![0-9])", text)
    iso = re.match(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])", text)
    try:
        if french is not None:
            return date(int(french[3]), int(french[2]), int(french[1]))
        return date(int(iso[1]), int(iso[2]), int(iso[3])) if iso is not None else None
    except ValueError:
        return None


def _one(known: Mapping[str, list[str]], name: str) -> str:
    # Two different values are no value: nobody is found by half of what an ENT says.
    values = {value for value in known.get(name.lower(), []) if value}
    return values.pop() if len(values) == 1 else ""


def _vector(text: str) -> Vector | None:
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != 5 or parts[0] not in PROFILES:
        return None
    uai = parts[4].upper()
    return Vector(PROFILES[parts[0]], parts[1], parts[2], parts[3], uai if is_valid_uai(uai) else "")


def _uais(known: Mapping[str, list[str]]) -> set[str]:
    texts = [text for name, values in known.items() if name in UAI_ATTRIBUTES for text in values]
    found = {
        uai.upper() for text in texts for uai in re.findall(r"(?<![0-9A-Za-z])[0-9]{7}[A-Za-z](?![0-9A-Za-z])", text)
    }
    return {uai for uai in found if is_valid_uai(uai)}
