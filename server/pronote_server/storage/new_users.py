"""Takes over the users of `new-users.json`, once, so that all of them are in the base or none is.

The file is removed after the transaction that wrote its users. Killed in between, the next start writes the same again,
and comes to the same end.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from pronote_server.clock import now_utc, rfc3339
from pronote_server.errors import StartError
from pronote_server.settings import explain
from pronote_server.storage import users
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.database import open_base
from pronote_server.storage.files import sync
from pronote_server.storage.new_identities import IdentitiesRefused, give_identities
from pronote_server.user_records import NewUsers

if TYPE_CHECKING:
    from pathlib import Path

    from pronote_server.config import BaseConfig
    from pronote_server.user_records import UserRecord

FILE: Final = "new-users.json"
"""Name of the request, beside `base.sqlite`."""

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""Largest file: its largest number of users takes two thirds of it."""


def take_over_users(config: BaseConfig) -> int | None:
    """Merge the users of the file into the base, by name, and remove the file.

    Users that the base has are changed to what the file says; those that only the base has stay as they are. Espaces,
    identities and accounts of ENTs stay where the file tells nothing of them.

    Returns:
        How many users the file held, None when there is no file.

    Raises:
        StartError: The file is malformed or for another base, a user cannot be who it says, or the base cannot be
            written; nothing was changed.
    """
    request = config.folder / FILE
    wanted = _parse(request, config)
    if wanted is None:
        return None
    _merge(config, wanted)
    request.unlink()
    sync(config.folder)
    return len(wanted.users)


def _merge(config: BaseConfig, wanted: NewUsers) -> None:
    time = rfc3339(now_utc())
    with closing(open_base(config)) as connection:
        try:
            with write_transaction(connection):
                taken = [(_merge_user(connection, user, time), user) for user in wanted.users]
                give_identities(connection, taken)
        except IdentitiesRefused as why:
            raise StartError(f"{FILE} cannot be taken over: {why}.") from None
        except sqlite3.Error as error:
            # The messages of SQLite name no content.
            raise StartError(f"The users of {FILE} cannot be written into the base: {error}.") from None


def _merge_user(connection: sqlite3.Connection, user: UserRecord, time: str) -> int:
    return users.merge_user(
        connection,
        user.username,
        user.key,
        user.password_hash,
        frozenset(user.modes),
        user.superadministrator,
        user.locked,
        time,
        None if user.espaces is None else frozenset(user.espaces),
    )


def _parse(request: Path, config: BaseConfig) -> NewUsers | None:
    try:
        with request.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"{FILE} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise StartError(f"{FILE} is larger than {MAX_FILE_BYTES} bytes.")
    try:
        wanted = NewUsers.model_validate_json(content)
    except ValidationError as error:
        raise StartError(f"{FILE} is not valid: {explain(error)}.") from None
    if wanted.uai != config.uai or wanted.school_year != config.school_year:
        raise StartError(f"{FILE} is for another school or school year than PRONOTE_UAI, PRONOTE_SCHOOL_YEAR.")
    return wanted
