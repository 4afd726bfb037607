"""The commands `pronote-server user …`: they open the base themselves, also while the server has it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_server.clock import now_utc, rfc3339
from pronote_server.errors import EXIT_USAGE, StartError
from pronote_server.names import name_key
from pronote_server.passwords import new_hasher, weakness
from pronote_server.sealing_key import sealer_of
from pronote_server.storage import people, users
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.database import own_base
from pronote_server.storage.identities import PersonKind
from pronote_server.storage.verifiers import replace_verifier
from pronote_server.usernames import username_key

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import date

    from pronote_server.espaces import Espace
    from pronote_server.words import Mode

MAX_NAME: Final = 100
"""Longest last or first name, characters."""


@dataclass(frozen=True)
class Who:
    """Who a new user is.

    Attributes:
        pupil: National number of the pupil who the user is.
        children: National numbers of the pupils whose guardian the user is.
        kind: What else the user is: a guardian, a teacher or of the staff, who is entered with the names.
    """

    pupil: str | None = None
    children: tuple[str, ...] = ()
    kind: PersonKind | None = None
    last_name: str = ""
    first_name: str = ""
    birth_date: date | None = None
    postal_code: str | None = None


@dataclass(frozen=True)
class Rights:
    """What a new user may do.

    Attributes:
        modes: What the user may connect as in a Client.
        espaces: Where the user may come in on PRONOTE.net; empty: what comes with the modes.
        superadministrator: May take a reserved place.
    """

    modes: frozenset[Mode]
    espaces: frozenset[Espace]
    superadministrator: bool


def add(environment: Mapping[str, str], username: str, rights: Rights, who: Who, password: str) -> None:
    """Add a user.

    Raises:
        StartError: The base cannot be opened, the name is none or is taken, the password is weak, there is no such
            pupil, or the person has an account already.
    """
    key = _key(username)
    check(rights, who)
    weak = weakness(username, password)
    if weak is not None:
        raise StartError(weak, EXIT_USAGE)
    sealer = sealer_of(environment)
    password_hash = new_hasher().hash(password)
    with own_base(environment) as connection, write_transaction(connection):
        try:
            user_id = users.add_user(
                connection,
                username.strip(),
                key,
                password_hash,
                rights.modes,
                rights.superadministrator,
                rfc3339(now_utc()),
                rights.espaces or None,
            )
            _add_identity(connection, user_id, who)
        except users.UserExists:
            raise StartError("There is a user of that name already.", EXIT_USAGE) from None
        except people.IdentityTaken:
            raise StartError("That pupil has an account already.", EXIT_USAGE) from None
        if sealer is not None:
            replace_verifier(connection, user_id, password_hash, sealer.seal(key, password_hash, password))


def check(rights: Rights, who: Who) -> None:
    """Check what can be without the base; a person need not type a password for nothing.

    Raises:
        StartError: There is no right, or who it is for is contradictory or nameless.
    """
    if not rights.modes and not rights.espaces:
        raise StartError("Give a mode or an Espace.", EXIT_USAGE)
    if who.pupil is not None and (who.children or who.kind is not None):
        raise StartError("A user is one person: a pupil, or somebody else.", EXIT_USAGE)
    if who.children and who.kind not in (None, PersonKind.GUARDIAN):
        raise StartError("Only guardians have children in the base.", EXIT_USAGE)
    if (who.children or who.kind is not None) and not (name_key(who.last_name) and name_key(who.first_name)):
        raise StartError("Give the person's last and first name.", EXIT_USAGE)
    for name in (who.last_name, who.first_name, who.postal_code or ""):
        if len(name) > MAX_NAME or not name.isprintable():
            raise StartError(f"Names have at most {MAX_NAME} printable characters.", EXIT_USAGE)


def _add_identity(connection: sqlite3.Connection, user_id: int, who: Who) -> None:
    if who.pupil is not None:
        people.add_identity(connection, user_id, pupil_id=_pupil(connection, who.pupil))
        return
    if who.kind is None and not who.children:
        people.add_identity(connection, user_id)
        return
    person_id = people.add_person(
        connection,
        who.kind or PersonKind.GUARDIAN,
        who.last_name.strip(),
        who.first_name.strip(),
        birth_date=who.birth_date,
        postal_code=who.postal_code,
    )
    for child in who.children:
        people.add_guardianship(connection, person_id, _pupil(connection, child), "AUTRE", 1)
    people.add_identity(connection, user_id, person_id=person_id)


def _pupil(connection: sqlite3.Connection, national_id: str) -> int:
    pupil_id = people.find_pupil(connection, national_id)
    if pupil_id is None:
        raise StartError("There is no pupil of that national number.", EXIT_USAGE)
    return pupil_id


def every(environment: Mapping[str, str]) -> list[users.User]:
    """Return the users, by name.

    Raises:
        StartError: The base cannot be opened.
    """
    with own_base(environment) as connection:
        return users.list_users(connection)


def delete(environment: Mapping[str, str], username: str) -> None:
    """Delete a user.

    Raises:
        StartError: The base cannot be opened, or there is no such user.
    """
    with own_base(environment) as connection, write_transaction(connection):
        if not users.delete_user(connection, _key(username)):
            raise StartError("There is no such user.", EXIT_USAGE)


def lock(environment: Mapping[str, str], username: str, locked: bool) -> None:
    """Lock or unlock a user.

    Raises:
        StartError: The base cannot be opened, or there is no such user.
    """
    with own_base(environment) as connection, write_transaction(connection):
        if not users.set_locked(connection, _key(username), locked):
            raise StartError("There is no such user.", EXIT_USAGE)


def _key(username: str) -> str:
    key = username_key(username)
    if key is None:
        raise StartError("A user name has 1 to 64 printable characters.", EXIT_USAGE)
    return key
