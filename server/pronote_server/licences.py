"""Licences: whether one more may connect. Pure decisions; the vendor counts connections, not accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronote_server.words import Mode

if TYPE_CHECKING:
    from pronote_server.settings import Licences


@dataclass(frozen=True)
class Usage:
    """Places taken now.

    Attributes:
        administrative: Connections in mode administratif, superadministrators included.
        superadministrators: Those of them that superadministrators hold.
        teachers: Connections in mode enseignant.
        school_life: Connections in mode vie-scolaire, which has no limit.

    Connections of PRONOTE.net count like those of Clients: an Espace Professeurs takes a teacher's place.
    """

    administrative: int = 0
    superadministrators: int = 0
    teachers: int = 0
    school_life: int = 0


@dataclass(frozen=True)
class Admission:
    """Whether a connection is admitted.

    Attributes:
        granted: It is.
        limit: Places that this person may count on in that mode; None where there is no limit.
    """

    granted: bool
    limit: int | None


def admit(licences: Licences, usage: Usage, mode: Mode, superadministrator: bool) -> Admission:
    """Decide whether one more connection is admitted.

    Reserved places are part of the administrative ones: others than superadministrators may hold at most the rest, so
    that a superadministrator always gets in unless superadministrators hold every place themselves.
    """
    match mode:
        case Mode.VIE_SCOLAIRE | Mode.CONSULTATION:
            return Admission(True, None)
        case Mode.ENSEIGNANT:
            return Admission(usage.teachers < licences.teachers, licences.teachers)
        case Mode.ADMINISTRATIF:
            room = usage.administrative < licences.administrative
            if superadministrator:
                return Admission(room, licences.administrative)
            open_places = licences.administrative - licences.reserved_for_administrators
            others = usage.administrative - usage.superadministrators
            return Admission(room and others < open_places, open_places)
