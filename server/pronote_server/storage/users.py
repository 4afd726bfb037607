"""Users: functions of an open connection, to be run in the base's threads."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pronote_server.espaces import Espace
from pronote_server.storage import statements
from pronote_server.words import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable

ESPACES_OF_MODES: Final = {
    Mode.ADMINISTRATIF: Espace.DIRECTION,
    Mode.ENSEIGNANT: Espace.PROFESSEURS,
    Mode.VIE_SCOLAIRE: Espace.VIE_SCOLAIRE,
}
"""The Espace that a user is given with each mode of a Client, unless other ones are named."""


@dataclass(frozen=True)
class User:
    """A user of the base.

    Attributes:
        modes: What the user may connect as.
        superadministrator: May take a reserved place.
        locked: May not connect.
        key: The name as it is compared.
        verifier: What the web protocol needs of the password, sealed; None when there is none.
        espaces: Where the user may come in on PRONOTE.net.
    """

    id: int
    username: str
    password_hash: str = field(repr=False)
    superadministrator: bool
    locked: bool
    modes: frozenset[Mode]
    key: str
    verifier: bytes | None = field(repr=False)
    espaces: frozenset[Espace]


class UserExists(Exception):  # noqa: N818 - an answer, not a fault
    """There is a user of that name already."""


def _user(row: tuple[int, str, str, int, int, str | None, str, bytes | None, str | None]) -> User:
    modes = frozenset(Mode(mode) for mode in (row[5] or "").split(",") if mode)
    espaces = frozenset(Espace(espace) for espace in (row[8] or "").split(",") if espace)
    return User(row[0], row[1], row[2], bool(row[3]), bool(row[4]), modes, row[6], row[7], espaces)


def find_user(connection: sqlite3.Connection, key: str) -> User | None:
    """Return the user whose name compares as `key`."""
    row = connection.execute(statements.SELECT_USER, (key,)).fetchone()
    return None if row is None else _user(row)


def find_user_by_id(connection: sqlite3.Connection, user_id: int) -> User | None:
    """Return the user of that row."""
    row = connection.execute(statements.SELECT_USER_BY_ID, (user_id,)).fetchone()
    return None if row is None else _user(row)


def list_users(connection: sqlite3.Connection) -> list[User]:
    """Return every user, by name."""
    return [_user(row) for row in connection.execute(statements.SELECT_USERS)]


def add_user(
    connection: sqlite3.Connection,
    username: str,
    key: str,
    password_hash: str,
    modes: frozenset[Mode],
    superadministrator: bool,
    time: str,
    espaces: frozenset[Espace] | None = None,
) -> int:
    """Add a user; return the row. Without `espaces` the user may enter those that come with the modes.

    Raises:
        UserExists: The name is taken.
    """
    values = {
        "username": username,
        "key": key,
        "password_hash": password_hash,
        "superadministrator": int(superadministrator),
        "time": time,
    }
    try:
        user_id = connection.execute(statements.INSERT_USER, values).lastrowid
    except sqlite3.IntegrityError:
        raise UserExists from None
    if user_id is None:
        raise sqlite3.DatabaseError("no row was inserted")
    connection.executemany(statements.INSERT_USER_MODE, [(user_id, mode.value) for mode in sorted(modes)])
    _give_espaces(connection, user_id, espaces_of(modes) if espaces is None else espaces)
    return user_id


def espaces_of(modes: Iterable[Mode]) -> frozenset[Espace]:
    """Return the Espaces that come with modes of a Client."""
    return frozenset(ESPACES_OF_MODES[mode] for mode in modes)


def _give_espaces(connection: sqlite3.Connection, user_id: int, espaces: Iterable[Espace]) -> None:
    connection.executemany(statements.INSERT_USER_ESPACE, [(user_id, espace.value) for espace in sorted(espaces)])


def merge_user(
    connection: sqlite3.Connection,
    username: str,
    key: str,
    password_hash: str,
    modes: frozenset[Mode],
    superadministrator: bool,
    locked: bool,
    time: str,
    espaces: frozenset[Espace] | None = None,
) -> int:
    """Add a user, or change the one of that name to what is given; return the row.

    Without `espaces` a user who is there keeps those that there are and is given those that come with the modes.
    """
    values = {
        "username": username,
        "key": key,
        "password_hash": password_hash,
        "superadministrator": int(superadministrator),
        "locked": int(locked),
        "time": time,
    }
    (user_id,) = connection.execute(statements.MERGE_USER, values).fetchone()
    connection.execute(statements.DELETE_USER_MODES, (user_id,))
    connection.executemany(statements.INSERT_USER_MODE, [(user_id, mode.value) for mode in sorted(modes)])
    if espaces is not None:
        connection.execute(statements.DELETE_USER_ESPACES, (user_id,))
    _give_espaces(connection, user_id, espaces_of(modes) if espaces is None else espaces)
    return int(user_id)


def delete_user(connection: sqlite3.Connection, key: str) -> bool:
    """Delete a user; return whether there was one."""
    return connection.execute(statements.DELETE_USER, (key,)).rowcount > 0


def set_locked(connection: sqlite3.Connection, key: str, locked: bool) -> bool:
    """Lock or unlock a user; return whether there is one."""
    return connection.execute(statements.UPDATE_USER_LOCKED, (int(locked), key)).rowcount > 0


def replace_hash(connection: sqlite3.Connection, user_id: int, old: str, new: str) -> None:
    """Put a hash with today's parameters in the place of an older one, unless the password was changed meanwhile."""
    connection.execute(statements.UPDATE_USER_HASH, (new, user_id, old))
