"""The users of a base as a `.profils` file: what they may do, and who they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from pronote_server.errors import StartError
from pronote_server.identity_records import MAX_CAS_ACCOUNTS
from pronote_server.settings import explain
from pronote_server.storage.portable_identities import cas_documents, identity_documents
from pronote_server.storage.users import User, list_users
from pronote_server.user_records import MAX_USERS, UserRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

PROFILS_FORMAT: Final = "pronote-profils/2"

MAX_BYTES: Final = 16 * 1024 * 1024
"""Largest file."""


@dataclass(frozen=True)
class ExportedUsers:
    """What is exported, and what is not.

    Attributes:
        warnings: Sentences on what no file can hold, without a name.
    """

    records: tuple[UserRecord, ...]
    warnings: tuple[str, ...]


def exported_users(connection: sqlite3.Connection) -> ExportedUsers:
    """Return every user of a base, by name.

    Raises:
        StartError: There are too many, or the base holds what the format has no place for.
    """
    every = list_users(connection)
    identities = identity_documents(connection)
    accounts, untold = cas_documents(connection)
    told = [user for user in every if user.modes or user.espaces]
    if len(told) > MAX_USERS:
        raise StartError(f"The base has {len(told)} users; a .profils holds {MAX_USERS}.")
    records = tuple(_record(user, identities.get(user.id), accounts.get(user.id, [])) for user in told)
    warnings = []
    if len(told) < len(every):
        warnings.append(f"users without any right, in the .HNOT only: {len(every) - len(told)}")
    if untold:
        warnings.append(
            f"accounts of ENTs that are more than {MAX_CAS_ACCOUNTS} of one user, or whose names cannot be printed, "
            f"in the .HNOT only: {untold}"
        )
    return ExportedUsers(records, tuple(warnings))


def _record(user: User, identity: dict[str, Any] | None, accounts: list[dict[str, str]]) -> UserRecord:
    document = {
        "username": user.username,
        "espaces": sorted(user.espaces),
        "modes": sorted(user.modes),
        "superadministrator": user.superadministrator,
        "locked": user.locked,
        "passwordHash": user.password_hash,
        "identity": identity,
        "casAccounts": accounts,
    }
    try:
        return UserRecord.model_validate(document)
    except ValidationError as error:
        raise StartError(f"A user cannot be exported: {explain(error)}.") from None


def profils_text(records: Sequence[UserRecord], head: Mapping[str, str]) -> bytes:
    """Return the content of the file, a user on each line.

    Args:
        records: The users.
        head: School, version and time of the export, as the format names them.

    Raises:
        StartError: It is larger than such a file may be.
    """
    described: dict[str, object] = {"format": PROFILS_FORMAT, **head}
    users = [record.document() for record in records]
    digest = checksum({**described, "users": users})
    lines = ",\n".join(json.dumps(user, ensure_ascii=False) for user in users)
    members = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in described.items()]
    members += [f'"users": [\n{lines}\n]', f'"sha256": "{digest}"']
    text = ("{" + ",\n".join(members) + "}\n").encode()
    if len(text) > MAX_BYTES:
        raise StartError(f"The users take {len(text)} bytes; a .profils has at most {MAX_BYTES}.")
    return text


def checksum(document: Mapping[str, object]) -> str:
    """Return the SHA-256, hexadecimal, of a document without its checksum: as JSON with sorted names, no spaces."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
