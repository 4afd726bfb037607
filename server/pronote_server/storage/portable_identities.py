"""Tells who the users are so that another base of the school can say it, too: functions of an open connection."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pronote_server.identity_records import MAX_CAS_ACCOUNTS, MAX_CAS_USER, MAX_CHILDREN, MAX_EXTERNAL_ID
from pronote_server.storage import portable_statements as sql
from pronote_server.storage.identities import LEAST_LEGAL_LEVEL

if TYPE_CHECKING:
    import sqlite3


def identity_documents(connection: sqlite3.Connection) -> dict[int, dict[str, Any]]:
    """Return who each user is, as an `IdentityRecord`'s document; users without an identity are not in it."""
    children = children_of_guardians(connection)
    return {
        user_id: _document(pronote_id, national_id, person, children)
        for user_id, pronote_id, national_id, *person in connection.execute(sql.SELECT_IDENTITIES)
    }


def _document(
    pronote_id: str, national_id: str | None, person: list[Any], children: dict[int, list[str]]
) -> dict[str, Any]:
    document: dict[str, Any] = {"pronoteId": pronote_id}
    if national_id is not None:
        document["pupil"] = national_id
    person_id, kind, last_name, first_name, birth_date, external_id = person
    if person_id is not None:
        document["person"] = told = {"kind": kind, "lastName": last_name, "firstName": first_name}
        if birth_date is not None:
            told["birthDate"] = birth_date
        if external_id is not None and len(external_id) <= MAX_EXTERNAL_ID:
            told["externalId"] = external_id
        if kind == "guardian":
            told["children"] = children.get(person_id, [])[:MAX_CHILDREN]
    return document


def children_of_guardians(connection: sqlite3.Connection) -> dict[int, list[str]]:
    """Return the national numbers of the children of each guardian, by the guardian's row.

    Whoever is a mere contact has none, as in the Espaces.
    """
    children: dict[int, list[str]] = defaultdict(list)
    for guardian_id, national_id in connection.execute(sql.SELECT_CHILDREN, (LEAST_LEGAL_LEVEL,)):
        children[guardian_id].append(national_id)
    return children


def cas_documents(connection: sqlite3.Connection) -> tuple[dict[int, list[dict[str, str]]], int]:
    """Return each user's accounts of ENTs, as documents of a `CasAccount`, and how many no file can hold.

    An account that is not told is tied again at its next login, as it was the first time.
    """
    accounts: dict[int, list[dict[str, str]]] = defaultdict(list)
    left_out = 0
    for user_id, cas_url, cas_user in connection.execute(sql.SELECT_CAS_LINKS):
        fits = 1 <= len(cas_user) <= MAX_CAS_USER and cas_user.isprintable() and cas_user == cas_user.strip()
        if fits and len(accounts[user_id]) < MAX_CAS_ACCOUNTS:
            accounts[user_id].append({"casUrl": cas_url, "user": cas_user})
        else:
            left_out += 1
    return accounts, left_out
