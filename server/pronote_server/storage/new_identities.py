"""Enters who users of another base are: the persons are found in this one, and none is made.

Functions of an open connection, in the caller's transaction. A person is the one of that kind with that number in the
national files, which the school's bases share. If the file tells no number, or nobody here has it, the person is the
only one of that kind with these names, whose number and birth date do not differ where both are known; a guardian must
also have a child in common with what is told. Somebody who might be another is refused: a wrong guess would show a
family the marks of another one.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_server.names import name_key
from pronote_server.storage import people_statements, portable_statements
from pronote_server.storage.people import find_pupil
from pronote_server.storage.portable_identities import children_of_guardians

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pronote_server.identity_records import IdentityRecord, PersonRecord
    from pronote_server.user_records import UserRecord

MAX_TOLD: Final = 5
"""Faults that a refusal names."""


class IdentitiesRefused(Exception):  # noqa: N818 - an answer, not a fault
    """Some users cannot be who the file says; the message names their places in it, and nobody."""


class _NotFound(Exception):  # noqa: N818 - an answer, not a fault
    """Nobody, or more than one, is meant."""


@dataclass(frozen=True)
class _Person:
    id: int
    birth_date: str | None
    external_id: str | None
    children: frozenset[str]


class _People:
    """The persons of the base who are no pupils, by how a file names them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._by_number: dict[tuple[str, str], int] = {}
        self._by_name: dict[tuple[str, str, str], list[_Person]] = defaultdict(list)
        children = children_of_guardians(connection)
        for row, kind, last, first, birth_date, external_id in connection.execute(portable_statements.SELECT_PEOPLE):
            person = _Person(row, birth_date, external_id, frozenset(children.get(row, ())))
            self._by_name[kind, name_key(last), name_key(first)].append(person)
            if external_id is not None:
                self._by_number[kind, external_id] = row

    def find(self, told: PersonRecord) -> int:
        """Return the row of who is meant.

        Raises:
            _NotFound: Nobody is, or more than one.
        """
        if told.external_id is not None and (told.kind, told.external_id) in self._by_number:
            return self._by_number[told.kind, told.external_id]
        names = (name_key(told.last_name), name_key(told.first_name))
        found = [person for person in self._by_name.get((told.kind, *names), ()) if _may_be(person, told)]
        if not all(names) or not found:
            raise _NotFound(f"names a {told.kind} who is not in the base")
        if len(found) > 1:
            raise _NotFound(f"names a {told.kind} and fits more than one of the base")
        return found[0].id


def _may_be(person: _Person, told: PersonRecord) -> bool:
    def agree(known: str | None, other: str | None) -> bool:
        return known is None or other is None or known == other

    same_family = not person.children.isdisjoint(told.children) or (not person.children and not told.children)
    return agree(person.external_id, told.external_id) and agree(person.birth_date, told.birth_date) and same_family


def give_identities(connection: sqlite3.Connection, taken: Sequence[tuple[int, UserRecord]]) -> None:
    """Make users who their records say, as far as these tell it.

    Args:
        connection: The base, in a transaction; it is to be undone when this refuses.
        taken: The users' rows and records, in the order of the file.

    Raises:
        IdentitiesRefused: Somebody is not in the base, or is another user already.
    """
    # First nobody is anybody: users of the file may have changed places.
    connection.executemany(
        portable_statements.DELETE_IDENTITY, [(row,) for row, record in taken if record.tells_identity]
    )
    connection.executemany(
        portable_statements.DELETE_CAS_LINKS, [(row,) for row, record in taken if record.cas_accounts is not None]
    )
    people = _People(connection)
    faults = []
    for place, (row, record) in enumerate(taken):
        fault = None if record.identity is None else _fault_of_identity(connection, people, row, record.identity)
        if fault is not None:
            faults.append(f"users.{place}.identity: {fault}")
        if not _tie_accounts(connection, row, record):
            faults.append(f"users.{place}.casAccounts: another user of the base has one of them")
    if faults:
        more = f", and {len(faults) - MAX_TOLD} more" if len(faults) > MAX_TOLD else ""
        raise IdentitiesRefused("; ".join(faults[:MAX_TOLD]) + more)


def _fault_of_identity(
    connection: sqlite3.Connection, people: _People, row: int, identity: IdentityRecord
) -> str | None:
    pupil_id = person_id = None
    if identity.pupil is not None:
        pupil_id = find_pupil(connection, identity.pupil)
        if pupil_id is None:
            return "names a pupil who is not in the base"
    if identity.person is not None:
        try:
            person_id = people.find(identity.person)
        except _NotFound as why:
            return str(why)
    try:
        connection.execute(people_statements.INSERT_IDENTITY, (row, pupil_id, person_id, identity.pronote_id))
    except sqlite3.IntegrityError:
        return "another user is that person or has that PRONOTE identifier"
    return None


def _tie_accounts(connection: sqlite3.Connection, row: int, record: UserRecord) -> bool:
    try:
        connection.executemany(
            portable_statements.INSERT_CAS_LINK,
            [(account.cas_url, account.user, row) for account in record.cas_accounts or ()],
        )
    except sqlite3.IntegrityError:
        return False
    return True
