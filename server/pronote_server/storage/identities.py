"""Accounts of ENTs that are tied to users: functions of an open connection, to be run in the base's threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.storage import statements

if TYPE_CHECKING:
    import sqlite3


def link_cas_user(connection: sqlite3.Connection, cas_url: str, cas_user: str, user_id: int) -> None:
    """Tie an account of an ENT to a user, in the place of whom it was tied to before."""
    connection.execute(statements.REPLACE_CAS_LINK, {"url": cas_url, "cas_user": cas_user, "user_id": user_id})


def find_cas_user(connection: sqlite3.Connection, cas_url: str, cas_user: str) -> int | None:
    """Return the user to whom an account of an ENT is tied."""
    row = connection.execute(statements.SELECT_CAS_LINK, (cas_url, cas_user)).fetchone()
    return None if row is None else int(row[0])
