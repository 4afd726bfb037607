"""Which functions there are. A function that is not here is refused, as are all but the first without a login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pronote_server.web.functions.login import authentification, deconnexion, identification
from pronote_server.web.functions.parameters import fonction_parametres, navigation
from pronote_server.web.functions.school import dernieres_notes, page_cahier_de_texte, page_emploi_du_temps
from pronote_server.web.functions.user_parameters import parametres_utilisateur
from pronote_server.web.protocol import ErrorCode, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronote_server.web.functions.call import Function

FUNCTIONS: Final[Mapping[str, Function]] = {
    "FonctionParametres": fonction_parametres,
    "Identification": identification,
    "Authentification": authentification,
    "SaisieDeconnexion": deconnexion,
    "Navigation": navigation,
    "ParametresUtilisateur": parametres_utilisateur,
    "PageEmploiDuTemps": page_emploi_du_temps,
    "PageCahierDeTexte": page_cahier_de_texte,
    "DernieresNotes": dernieres_notes,
}
"""Functions by the names that clients call them by."""


def find_function(name: str) -> Function:
    """Return the function of that name.

    Raises:
        ProtocolError: There is none.
    """
    function = FUNCTIONS.get(name)
    if function is None:
        raise ProtocolError(ErrorCode.ACCESS_REFUSED)
    return function
