"""`ParametresUtilisateur`: who has logged in, a guardian's children, and which tabs there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pronote_server.espaces import Espace
from pronote_server.storage import school
from pronote_server.storage.periods import current
from pronote_server.web.functions.call import typed, written_list
from pronote_server.web.functions.school import period_reference, pupil_reference
from pronote_server.web.school_reader import PUPIL_ESPACES, TEACHER_ESPACES, today

if TYPE_CHECKING:
    from pronote_server.storage.identities import Child
    from pronote_server.storage.periods import Period
    from pronote_server.web.functions.call import Call

HOME, TIMETABLE, PERSONAL, HOMEWORK, LESSONS, MARKS = 7, 16, 49, 88, 89, 198
"""Numbers of tabs (onglets)."""

PUPIL: Final = 4
"""Kind (`G`) of a pupil."""

OF_PUPILS: Final = (HOME, TIMETABLE, PERSONAL, HOMEWORK, LESSONS, MARKS)
OF_TEACHERS: Final = (HOME, TIMETABLE, PERSONAL)
OF_OTHERS: Final = (HOME, PERSONAL)
"""Tabs of an Espace."""

CLASS_ESPACES: Final = frozenset({Espace.DIRECTION, Espace.VIE_SCOLAIRE})
"""Where the classes are listed."""


async def parametres_utilisateur(call: Call) -> dict[str, Any]:
    """Tell who has logged in."""
    visitor = call.visitor
    identity, espace = visitor.identity, visitor.espace
    period = current(await visitor.periods(), today(call.instance))
    children = [_pupil(call, child, period) for child in identity.children]
    person: dict[str, Any] = {
        "N": f"U{identity.user_id}",
        "G": 0,
        "L": identity.display_name,
        "Etablissement": _school(call),
    }
    found: dict[str, Any] = {"ressource": person, "listeOnglets": [{"G": tab} for tab in _tabs(espace)]}
    if espace is Espace.ELEVES and children:
        found["ressource"] = children[0]
    elif espace is Espace.PARENTS:
        person["listeRessources"] = children
    if espace in CLASS_ESPACES:
        names = await call.instance.base().read(school.list_classes)
        found["listeClasses"] = written_list(
            [{"N": f"K{key}", "G": 1, "L": name, "estResponsable": False} for key, name in names]
        )
    return found


def _tabs(espace: Espace) -> tuple[int, ...]:
    if espace in PUPIL_ESPACES:
        return OF_PUPILS
    return OF_TEACHERS if espace in TEACHER_ESPACES else OF_OTHERS


def _pupil(call: Call, child: Child, period: Period) -> dict[str, Any]:
    default = {"G": MARKS, "periodeParDefaut": typed(24, {"N": period_reference(period.id), "L": period.name})}
    return {
        "N": pupil_reference(child.pupil_id),
        "G": PUPIL,
        "L": child.display_name,
        "classeDEleve": {"N": f"K{child.class_id}", "L": child.class_name},
        "Etablissement": _school(call),
        "listeOngletsPourPeriodes": written_list([default]),
    }


def _school(call: Call) -> dict[str, Any]:
    return typed(25, {"L": call.instance.settings.display_name})
