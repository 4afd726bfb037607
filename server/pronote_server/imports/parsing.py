"""What the files say, as records: nothing of it is written here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from pronote_server.imports import heading
from pronote_server.imports.reading import FileRefused, elements, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import RawIOBase
    from xml.etree.ElementTree import Element

RELATIONS: Final = {
    "10": "MERE",
    "20": "PERE",
    "37": "FRATRIE",
    "38": "ASCENDANT",
    "39": "AUTRE FAMILLE",
    "41": "EDUCATEUR",
    "42": "ASSISTANT FAMILIAL",
    "50": "TUTEUR",
    "51": "ASE",
    "70": "ELEVE LUI-MEME",
}
"""Codes of SIECLE's LIENS_PARENTE; others are AUTRE."""

MAX_NAME: Final = 100
TEACHING: Final = "ENS"
"""FONCTION of STS for teachers."""


@dataclass(frozen=True)
class PersonRecord:
    """A teacher or one of the staff (STS) or a guardian (SIECLE)."""

    external_id: str
    last_name: str
    first_name: str
    birth_date: date | None = None
    postal_code: str | None = None
    teaches: bool = False


@dataclass
class Sts:
    """What a `sts_emp` file says; services are class, subject code, external id of the teacher."""

    first_day: date | None = None
    last_day: date | None = None
    subjects: dict[str, str] = field(default_factory=dict)
    people: list[PersonRecord] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    services: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class PupilRecord:
    """An ELEVE."""

    siecle_id: str
    national_id: str
    last_name: str
    first_name: str
    birth_date: date
    address_id: str


@dataclass(frozen=True)
class LinkRecord:
    """A RESPONSABLE_ELEVE."""

    siecle_id: str
    external_id: str
    relation: str
    legal_level: int


@dataclass
class Siecle:
    """What the files of SIECLE say, those that were given."""

    kinds: set[str] = field(default_factory=set)
    pupils: list[PupilRecord] = field(default_factory=list)
    class_of: dict[str, str] = field(default_factory=dict)
    pupil_postal_codes: dict[str, str] = field(default_factory=dict)
    guardians: dict[str, tuple[PersonRecord, str]] = field(default_factory=dict)
    guardian_postal_codes: dict[str, str] = field(default_factory=dict)
    links: list[LinkRecord] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    subjects: dict[str, str] = field(default_factory=dict)


def _checked(
    stream: RawIOBase, wanted: tuple[str, ...], base: heading.Base
) -> Iterator[tuple[str, tuple[str, ...], Element]]:
    """Yield the elements below the root, after a check that the file is this base's before any of its data."""
    uai = year = root = ""
    checked = False
    for path, element in elements(stream):
        if len(path) == 1 and not root:
            root = element.tag
            heading.check_kind(root, wanted)
            continue
        match path[1:]:
            case ("PARAMETRES", "UAJ"):
                uai = (element.get("CODE") or element.text or "").strip()
            case ("PARAMETRES", "ANNEE_SCOLAIRE"):
                year = (element.get("ANNEE") or element.text or "").strip()
            case ("PARAMETRES",):
                heading.check_base(uai, year, base)
                checked = True
            case ("DONNEES" | "NOMENCLATURES", *_) if not checked:
                raise FileRefused("The file does not begin with its PARAMETRES.")
        yield root, path[1:], element
    if not checked:
        raise FileRefused("The file has no PARAMETRES.")


def parse_sts(stream: RawIOBase, base: heading.Base) -> Sts:
    """Read a `sts_emp` file.

    Raises:
        FileRefused: It is another file, another base's, or malformed.
    """
    found = Sts()
    for _, path, element in _checked(stream, (heading.STS,), base):
        match path:
            case ("PARAMETRES", "ANNEE_SCOLAIRE", "DATE_DEBUT"):
                found.first_day = _iso_date(element.text or "")
            case ("PARAMETRES", "ANNEE_SCOLAIRE", "DATE_FIN"):
                found.last_day = _iso_date(element.text or "")
            case ("NOMENCLATURES", "MATIERES", "MATIERE"):
                name = text_of(element, "LIBELLE_EDITION") or text_of(element, "LIBELLE_LONG")
                found.subjects[_attribute(element, "CODE")] = _name(name, "MATIERE")
            case ("DONNEES", "INDIVIDUS", "INDIVIDU"):
                found.people.append(_individual(element))
            case ("DONNEES", "STRUCTURE", "DIVISIONS", "DIVISION"):
                name = _name(_attribute(element, "CODE"), "DIVISION", 30)
                found.classes.append(name)
                for service in element.iterfind("SERVICES/SERVICE"):
                    for teacher in service.iterfind("ENSEIGNANTS/ENSEIGNANT"):
                        found.services.append((name, _attribute(service, "CODE_MATIERE"), _sts_id(teacher)))
    teachers = {service[2] for service in found.services}
    unknown = teachers - {one.external_id for one in found.people}
    if unknown or {service[1] for service in found.services} - found.subjects.keys():
        raise FileRefused("A service names a teacher or a subject that the file does not hold.")
    return found


def _individual(element: Element) -> PersonRecord:
    external_id = _sts_id(element)
    born = text_of(element, "DATE_NAISSANCE")
    return PersonRecord(
        external_id,
        _name(text_of(element, "NOM_USAGE") or text_of(element, "NOM_PATRONYMIQUE"), "NOM_USAGE"),
        _name(text_of(element, "PRENOM"), "PRENOM"),
        _iso_date(born) if born else None,
        teaches=text_of(element, "FONCTION") in (TEACHING, ""),
    )


def parse_siecle(stream: RawIOBase, base: heading.Base, found: Siecle) -> None:
    """Read one file of SIECLE into what the others say.

    Raises:
        FileRefused: It is another file, another base's, malformed, or of a kind that was there already.
    """
    kind = ""
    for root, path, element in _checked(stream, heading.SIECLE, base):
        if not kind:
            kind = root
            if kind in found.kinds:
                raise FileRefused(f"There are two files of the kind {heading.NAMES[kind]}.")
            found.kinds.add(kind)
        match (root, *path):
            case (heading.PUPILS, "DONNEES", "ELEVES", "ELEVE"):
                pupil = _pupil(element)
                found.pupils.append(pupil)
            case (heading.PUPILS, "DONNEES", "STRUCTURES", "STRUCTURES_ELEVE"):
                for structure in element.iterfind("STRUCTURE"):
                    if text_of(structure, "TYPE_STRUCTURE") == "D":
                        name = _name(text_of(structure, "CODE_STRUCTURE"), "CODE_STRUCTURE", 30)
                        found.class_of[_attribute(element, "ELEVE_ID")] = name
            case (heading.PUPILS, "DONNEES", "ADRESSES", "ADRESSE"):
                found.pupil_postal_codes[_attribute(element, "ADRESSE_ID")] = _postal_code(element)
            case (heading.GUARDIANS, "DONNEES", "PERSONNES", "PERSONNE"):
                person = PersonRecord(
                    _attribute(element, "PERSONNE_ID"),
                    _name(text_of(element, "NOM") or text_of(element, "NOM_DE_FAMILLE"), "NOM"),
                    _name(text_of(element, "PRENOM"), "PRENOM"),
                )
                found.guardians[person.external_id] = (person, text_of(element, "ADRESSE_ID"))
            case (heading.GUARDIANS, "DONNEES", "RESPONSABLES", "RESPONSABLE_ELEVE"):
                found.links.append(_link(element))
            case (heading.GUARDIANS, "DONNEES", "ADRESSES", "ADRESSE"):
                found.guardian_postal_codes[_attribute(element, "ADRESSE_ID")] = _postal_code(element)
            case (heading.STRUCTURES, "DONNEES", "DIVISIONS", "DIVISION"):
                found.classes.append(_name(_attribute(element, "CODE_STRUCTURE"), "DIVISION", 30))
            case (heading.NOMENCLATURES, "DONNEES", "MATIERES", "MATIERE"):
                name = text_of(element, "LIBELLE_EDITION") or text_of(element, "LIBELLE_LONG")
                found.subjects[_attribute(element, "CODE_MATIERE")] = _name(name, "MATIERE")


def _pupil(element: Element) -> PupilRecord:
    return PupilRecord(
        _attribute(element, "ELEVE_ID"),
        text_of(element, "ID_NATIONAL") or text_of(element, "INE_RNIE"),
        _name(text_of(element, "NOM_USAGE") or text_of(element, "NOM_DE_FAMILLE"), "NOM_DE_FAMILLE"),
        _name(text_of(element, "PRENOM"), "PRENOM"),
        _french_date(text_of(element, "DATE_NAISS")),
        text_of(element, "ADRESSE_ID"),
    )


def _link(element: Element) -> LinkRecord:
    level = text_of(element, "NIVEAU_RESPONSABILITE")
    if not level:
        # The earlier RESP_LEGAL: 1 and 2 are the legal representatives, 0 a contact.
        level = {"1": "1", "2": "1", "0": "3"}.get(text_of(element, "RESP_LEGAL"), "")
    if level not in ("1", "2", "3"):
        raise FileRefused("A RESPONSABLE_ELEVE has neither a valid NIVEAU_RESPONSABILITE nor a valid RESP_LEGAL.")
    relation = RELATIONS.get(text_of(element, "CODE_PARENTE"), "AUTRE")
    return LinkRecord(text_of(element, "ELEVE_ID"), text_of(element, "PERSONNE_ID"), relation, int(level))


def _sts_id(element: Element) -> str:
    return f"{_attribute(element, 'TYPE')}:{_attribute(element, 'ID')}"


def _attribute(element: Element, name: str) -> str:
    value = (element.get(name) or "").strip()
    if not 1 <= len(value) <= MAX_NAME or not value.isprintable():
        raise FileRefused(f"A {element.tag} has no valid {name}.")
    return value


def _name(text: str, what: str, longest: int = MAX_NAME) -> str:
    if not 1 <= len(text) <= longest:
        raise FileRefused(f"A {what} is empty or longer than {longest} characters.")
    return text


def _postal_code(element: Element) -> str:
    text = text_of(element, "CODE_POSTAL")
    return text if re.fullmatch(r"[0-9A-Za-z -]{1,10}", text) else ""


def _iso_date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise FileRefused("A date is not written as 2014-05-31.") from None


def _french_date(text: str) -> date:
    found = re.fullmatch(r"([0-9]{2})/([0-9]{2})/([0-9]{4})", text, re.ASCII)
    try:
        return date(*(int(part) for part in reversed(found.groups()))) if found else date.fromisoformat("")
    except ValueError:
        raise FileRefused("A date is not written as 31/05/2014.") from None
