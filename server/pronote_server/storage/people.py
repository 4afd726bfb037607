"""Writes who the people of a school are: functions of an open connection, in the caller's transaction."""

from __future__ import annotations

import secrets
import sqlite3
import string
from typing import TYPE_CHECKING, Final

from pronote_server.storage import people_statements

if TYPE_CHECKING:
    from datetime import date

    from pronote_server.storage.identities import PersonKind

PRONOTE_ID_LENGTH: Final = 16
"""Characters of a PRONOTE-ENT identifier (Identifiant PRONOTE-ENT)."""

PRONOTE_ID_CHARACTERS: Final = string.ascii_uppercase + string.digits


class IdentityTaken(Exception):  # noqa: N818 - an answer, not a fault
    """That person has an account already."""


def add_person(
    connection: sqlite3.Connection,
    kind: PersonKind,
    last_name: str,
    first_name: str,
    *,
    birth_date: date | None = None,
    postal_code: str | None = None,
    external_id: str | None = None,
) -> int:
    """Enter a person who is no pupil; return the row."""
    values = {
        "kind": kind.value,
        "last_name": last_name,
        "first_name": first_name,
        "birth_date": None if birth_date is None else birth_date.isoformat(),
        "postal_code": postal_code,
        "external_id": external_id,
    }
    (row,) = connection.execute(people_statements.INSERT_PERSON, values).fetchone()
    return int(row)


def add_guardianship(
    connection: sqlite3.Connection, guardian_id: int, pupil_id: int, relation: str, legal_level: int
) -> None:
    """Say that a person is a pupil's guardian, in the place of what was said of the two before."""
    connection.execute(people_statements.MERGE_GUARDIANSHIP, (guardian_id, pupil_id, relation, legal_level))


def find_pupil(connection: sqlite3.Connection, national_id: str) -> int | None:
    """Return the pupil of a national number."""
    row = connection.execute(people_statements.SELECT_PUPIL_ID, (national_id,)).fetchone()
    return None if row is None else int(row[0])


def add_identity(
    connection: sqlite3.Connection, user_id: int, *, pupil_id: int | None = None, person_id: int | None = None
) -> None:
    """Say who a user is, and give the user a PRONOTE-ENT identifier.

    Raises:
        IdentityTaken: The person has an account already.
    """
    try:
        connection.execute(people_statements.INSERT_IDENTITY, (user_id, pupil_id, person_id, new_pronote_id()))
    except sqlite3.IntegrityError:
        raise IdentityTaken from None


def new_pronote_id() -> str:
    """Return a random identifier: it tells nothing of the person."""
    return "".join(secrets.choice(PRONOTE_ID_CHARACTERS) for _ in range(PRONOTE_ID_LENGTH))
