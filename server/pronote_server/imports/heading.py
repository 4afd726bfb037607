"""Which file it is, and whether it is this base's: kind, establishment, school year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_server.imports.reading import FileRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

STS: Final = "STS_EDT"
PUPILS: Final = "BEE_ELEVES"
GUARDIANS: Final = "BEE_RESPONSABLES"
STRUCTURES: Final = "BEE_STRUCTURES"
NOMENCLATURES: Final = "BEE_NOMENCLATURES"
SIECLE: Final = (NOMENCLATURES, STRUCTURES, PUPILS, GUARDIANS)
"""Files of SIECLE in the order in which they are entered."""

NAMES: Final[Mapping[str, str]] = {
    STS: "sts_emp_<UAI>_<year>.xml (STSWEB > Exports > Emploi du temps)",
    PUPILS: "ElevesAvecAdresses or ElevesSansAdresses of SIECLE",
    GUARDIANS: "ResponsablesAvecAdresses of SIECLE",
    STRUCTURES: "Structures of SIECLE",
    NOMENCLATURES: "Nomenclature of SIECLE",
}


@dataclass(frozen=True)
class Base:
    """What a file must be for.

    Attributes:
        uais: The base's own UAI and those of a cité scolaire that it manages.
        school_year: Year in which the school year begins.
    """

    uais: frozenset[str]
    school_year: int


def check_kind(root: str, wanted: tuple[str, ...]) -> None:
    """Check that a file is of a kind that is wanted, by its root element.

    Raises:
        FileRefused: It is another; says which export is wanted.
    """
    if root in wanted:
        return
    if root == "EDT_STS":
        raise FileRefused(
            f"This is the file that goes up to STS (emp_sts, EDT_STS). The one that comes down is wanted: {NAMES[STS]}."
        )
    if root in NAMES:
        other = "sts" if root == STS else "siecle"
        raise FileRefused(f"This is {NAMES[root]}: use `pronote-server import {other}`.")
    raise FileRefused("This is none of: " + "; ".join(NAMES[one] for one in wanted) + ".")


def check_base(uai: str, year: str, base: Base) -> None:
    """Check that a file is this base's.

    Raises:
        FileRefused: It is another establishment's or year's, or does not say.
    """
    if not re.fullmatch(r"[0-9]{7}[A-Z]", uai):
        raise FileRefused("The file does not say which establishment it is of (PARAMETRES/UAJ).")
    if uai not in base.uais:
        raise FileRefused(f"The file is of the establishment {uai}; this base is of {', '.join(sorted(base.uais))}.")
    if not re.fullmatch(r"[0-9]{4}", year):
        raise FileRefused("The file does not say which school year it is of (PARAMETRES/ANNEE_SCOLAIRE).")
    if int(year) != base.school_year:
        raise FileRefused(f"The file is of the school year {year}; this base is of {base.school_year}.")
