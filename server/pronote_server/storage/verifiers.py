"""Verifiers of the web protocol: functions of an open connection, to be run in the base's threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.storage import statements

if TYPE_CHECKING:
    import sqlite3


def replace_verifier(connection: sqlite3.Connection, user_id: int, password_hash: str, sealed: bytes) -> None:
    """Keep the verifier of a user, unless the password was changed since it was made."""
    connection.execute(statements.REPLACE_VERIFIER, {"id": user_id, "hash": password_hash, "sealed": sealed})
