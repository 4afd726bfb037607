"""Functions that open and keep a session: `FonctionParametres`, `Navigation`."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING, Any, Final

from pronote_server.storage import grid, periods
from pronote_server.web.cipher import NO_VECTOR, md5
from pronote_server.web.functions.call import written_date, written_list
from pronote_server.web.functions.school import period_reference
from pronote_server.web.protocol import ProtocolError

if TYPE_CHECKING:
    import sqlite3
    from datetime import date

    from pronote_server.storage.grid import Grid
    from pronote_server.storage.periods import Period
    from pronote_server.web.functions.call import Call

MAX_UUID: Final = 128
"""Longest `Uuid`, characters: 16 bytes in base64 have 24."""

MAX_NAVIGATOR: Final = 64
"""Longest name that a client gives itself."""


async def fonction_parametres(call: Call) -> dict[str, Any]:
    """Take the client's initial vector, and tell what every page needs: weeks, periods, hours.

    Raises:
        ProtocolError: The vector is none, or the session has one already.
    """
    if call.dialogue.keys.vector != NO_VECTOR:
        raise ProtocolError
    call.vector = md5(_vector(call.text("Uuid", MAX_UUID)))
    given = call.data.get("identifiantNav")
    known = isinstance(given, str) and 1 <= len(given) <= MAX_NAVIGATOR and given.isascii() and given.isprintable()
    return {"identifiantNav": given if known else secrets.token_hex(16), "General": await _general(call)}


async def navigation(call: Call) -> dict[str, Any]:
    """Keep the session alive: that it was called is all there is to it."""
    call.require_session()
    return {}


def _vector(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError from None
    if not content:
        raise ProtocolError
    return content


async def _general(call: Call) -> dict[str, Any]:
    first_day, last_day, hours, every = await call.instance.base().read(_frame)
    return {
        "versionPN": call.instance.config.base.version,
        "NomEtablissement": call.instance.settings.display_name,
        "PremierLundi": written_date(periods.monday_of(first_day)),
        "PremiereDate": written_date(first_day),
        "DerniereDate": written_date(last_day),
        "ListePeriodes": [_period(one) for one in every],
        "ListeHeures": written_list(_hours(hours.starts)),
        "ListeHeuresFin": written_list(_hours(hours.ends)),
    }


def _frame(connection: sqlite3.Connection) -> tuple[date, date, Grid, tuple[Period, ...]]:
    """Return the school year's first and last day, its hours and its periods."""
    first_day, last_day = periods.school_days(connection)
    return first_day, last_day, grid.read_grid(connection), periods.periods(connection)


def _period(period: Period) -> dict[str, Any]:
    return {
        "N": period_reference(period.id),
        "G": 1,
        "L": period.name,
        "dateDebut": written_date(period.first_date),
        "dateFin": written_date(period.last_date),
    }


def _hours(minutes: tuple[int, ...]) -> list[dict[str, Any]]:
    return [{"G": place, "L": f"{at // 60:02d}h{at % 60:02d}"} for place, at in enumerate(minutes)]
