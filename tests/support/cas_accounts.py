"""People of an ENT, as its CAS server tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PUPIL, GUARDIAN, TEACHER, STAFF = "National_1", "National_2", "National_3", "National_4"
"""What the ENTs that run on Edifice's software send as `categories`."""

PASSWORD = "Mot-de-passe-ENT-1"


@dataclass(frozen=True)
class CasAccount:
    """One person.

    Args:
        username: what the person types in the ENT; it comes as `<cas:user>`.
        attributes: what the CAS server tells beside it; several values come as several elements.
    """

    username: str
    attributes: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    password: str = PASSWORD


def person(
    username: str,
    last_name: str,
    first_name: str,
    category: str,
    *,
    birth_date: str = "",
    postal_code: str = "",
    **more: str | Sequence[str],
) -> CasAccount:
    """A person under the attribute names that Edifice's class for PRONOTE sends.

    Args:
        birth_date: as ENTs send it, `15/04/2015`; empty: it is not told.
        postal_code: empty: it is not told.
        more: further attributes, such as `ESCOUAI` with several values.
    """
    told: dict[str, str | Sequence[str]] = {"nom": last_name, "prenom": first_name, "categories": category}
    if birth_date:
        told["dateNaissance"] = birth_date
    if postal_code:
        told["codePostal"] = postal_code
    return CasAccount(username, told | more)


ALICE = person("alice.katy", "KATY", "Alice", PUPIL, birth_date="15/04/2015", postal_code="21000", ESCOUAI="0210066H")
BRUNO = person("bruno.katy", "KATY", "Bruno", PUPIL, birth_date="02/11/2013", postal_code="21000", ESCOUAI="0210066H")
MARIE = person(
    "marie.katy",
    "KATY",
    "Marie",
    GUARDIAN,
    birth_date="23/01/1984",
    postal_code="21000",
    ESCOUAI=("0210066H", "0750654D"),
    eleves=("KATY|Alice", "KATY|Bruno"),
)
PAUL = person("paul.durand", "DURAND", "Paul", TEACHER, birth_date="09/09/1979", postal_code="21000")
NOBODY = person("zoe.inconnu", "INCONNU", "Zoé", PUPIL, birth_date="01/01/2014", postal_code="99999")

PEOPLE = (ALICE, BRUNO, MARIE, PAUL, NOBODY)
"""A pupil and her brother, their mother (who has children in two schools), a teacher, and a person no base knows."""
