"""The commands `pronote-server user …`: they open the base themselves, also while the server has it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.clock import now_utc, rfc3339
from pronote_server.config import net_folder
from pronote_server.errors import EXIT_USAGE, StartError
from pronote_server.passwords import new_hasher, weakness
from pronote_server.storage import users, verifiers
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.database import own_base
from pronote_server.usernames import username_key
from pronote_server.web.key_files import KeyFileError, read_verifier_key
from pronote_server.web.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronote_server.words import Mode


def add(
    environment: Mapping[str, str], username: str, modes: frozenset[Mode], superadministrator: bool, password: str
) -> None:
    """Add a user.

    Raises:
        StartError: The base cannot be opened, the name is none or is taken, or the password is weak.
    """
    key = _key(username)
    weak = weakness(username, password)
    if weak is not None:
        raise StartError(weak, EXIT_USAGE)
    password_hash = new_hasher().hash(password)
    sealer = _sealer(environment)
    with own_base(environment) as connection, write_transaction(connection):
        try:
            user_id = users.add_user(
                connection, username.strip(), key, password_hash, modes, superadministrator, rfc3339(now_utc())
            )
        except users.UserExists:
            raise StartError("There is a user of that name already.", EXIT_USAGE) from None
        if sealer is not None:
            sealed = sealer.seal(key, password_hash, password)
            verifiers.replace_verifier(connection, user_id, password_hash, sealed)


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


def _sealer(environment: Mapping[str, str]) -> Sealer | None:
    # Without the key the user logs in once in a browser or a Client, and the server makes the verifier.
    folder = net_folder(environment)
    try:
        return None if folder is None else Sealer(read_verifier_key(folder))
    except KeyFileError:
        return None


def _key(username: str) -> str:
    key = username_key(username)
    if key is None:
        raise StartError("A user name has 1 to 64 printable characters.", EXIT_USAGE)
    return key
