"""`ParametresUtilisateur`: who has logged in, and which tabs there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pronote_server.web.functions.call import typed

if TYPE_CHECKING:
    from pronote_server.web.functions.call import Call

HOME: Final = 7
PERSONAL: Final = 49
TABS: Final = (HOME, PERSONAL)
"""Numbers of the tabs (onglets) that every Espace has."""


async def parametres_utilisateur(call: Call) -> dict[str, Any]:
    """Tell who has logged in."""
    session = call.session
    resource = {
        "N": f"U{session.person.user_id}",
        "G": 0,
        "L": session.person.username,
        "Etablissement": typed(25, {"L": call.instance.settings.display_name}),
    }
    return {"ressource": resource, "listeOnglets": [{"G": tab} for tab in TABS]}
