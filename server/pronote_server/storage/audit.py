"""The login audit (journal des connexions): functions of an open connection, to be run in the base's threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_server.storage import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from pronote_server.espaces import Espace
    from pronote_server.words import Application, LoginResult, Mode

AUDIT_ROWS: Final = 10_000
"""Logins that the audit keeps."""

AUDIT_SECONDS: Final = 180 * 86400
"""How long the audit keeps a login: six months, the shorter of the CNIL's usual bounds for such logs."""

ADDRESS_SECONDS: Final = 86400
"""How long an address stays in the audit: a day, enough to see why it was suspended (four hours at most)."""


@dataclass(frozen=True)
class Login:
    """One login. The name that was typed is not kept: people type passwords into that field.

    Attributes:
        time: Seconds of the epoch.
        user_id: None when the name is nobody's, or the superadministrator's.
        espace: Of PRONOTE.net; None for a Client.
    """

    time: int
    user_id: int | None
    application: Application
    mode: Mode
    result: LoginResult
    address: str
    espace: Espace | None = None


def record_logins(connection: sqlite3.Connection, logins: Sequence[Login]) -> None:
    """Write logins into the audit, one at least, and let go of what it holds no longer."""
    connection.executemany(statements.INSERT_AUDIT, [_row(login) for login in logins])
    connection.execute(statements.TRIM_AUDIT, (AUDIT_ROWS,))
    latest = max(login.time for login in logins)
    (oldest,) = connection.execute(statements.SELECT_OLDEST_AUDIT).fetchone()
    # There is no index of the times: the whole audit would be read at each login.
    if oldest < latest - AUDIT_SECONDS:
        connection.execute(statements.FORGET_OLD_AUDIT, (latest - AUDIT_SECONDS,))
    connection.execute(statements.FORGET_ADDRESSES, (latest - ADDRESS_SECONDS,))


def purge_audit(connection: sqlite3.Connection, time: int) -> None:
    """Delete logins older than `AUDIT_SECONDS` and addresses older than `ADDRESS_SECONDS`."""
    connection.execute(statements.FORGET_OLD_AUDIT, (time - AUDIT_SECONDS,))
    connection.execute(statements.FORGET_ADDRESSES, (time - ADDRESS_SECONDS,))


def _row(login: Login) -> dict[str, str | int | None]:
    return {
        "time": login.time,
        "user_id": login.user_id,
        "application": login.application.value,
        "mode": login.mode.value,
        "espace": "" if login.espace is None else login.espace.value,
        "result": login.result.value,
        "address": login.address,
    }
