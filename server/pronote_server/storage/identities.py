"""Who the users are, and by what an ENT finds them: functions of an open connection, run in the base's threads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pronote_server.espaces import Espace
from pronote_server.names import name_key
from pronote_server.storage import espace_statements, statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from datetime import date

LEAST_LEGAL_LEVEL: Final = 2
"""Guardians up to this level of SIECLE see the child's school life; 3 is a contact, whom to call and no more."""


class PersonKind(StrEnum):
    """What a user is to the school."""

    PUPIL = "pupil"
    GUARDIAN = "guardian"
    TEACHER = "teacher"
    STAFF = "staff"
    NONE = "none"


@dataclass(frozen=True)
class Child:
    """A pupil as Espaces show one."""

    pupil_id: int
    display_name: str
    class_id: int
    class_name: str


@dataclass(frozen=True)
class Identity:
    """Who a user is.

    Attributes:
        kind: NONE for a user who is nobody of the base, such as an administrator.
        espaces: Which Espaces the user may enter.
        children: Of a guardian, the oldest first, without those for whom the guardian is a mere contact; a pupil has
            itself.
        teacher_id: Row of the teacher in the timetable; None for others.
        pronote_id: PRONOTE-ENT identifier; None when the user has none.
        locked: May not come in anywhere.
    """

    user_id: int
    display_name: str
    kind: PersonKind
    espaces: frozenset[Espace]
    children: tuple[Child, ...]
    teacher_id: int | None
    pronote_id: str | None
    locked: bool = False


def display_name(last_name: str, first_name: str) -> str:
    """Write a person's name as the Espaces show it."""
    return f"{last_name} {first_name}"


def identity_of(connection: sqlite3.Connection, user_id: int) -> Identity | None:
    """Return who a user is, None when there is no such user."""
    row = connection.execute(espace_statements.SELECT_IDENTITY, (user_id,)).fetchone()
    if row is None:
        return None
    username, pupil_id, pupil_last, pupil_first, person_id, person_kind, last, first, pronote_id, espaces, locked = row
    shut = bool(locked)
    allowed = frozenset(Espace(espace) for espace in (espaces or "").split(",") if espace)
    if pupil_id is not None:
        rows = connection.execute(espace_statements.SELECT_PUPIL_AS_CHILD, (pupil_id,))
        name = display_name(pupil_last, pupil_first)
        return Identity(user_id, name, PersonKind.PUPIL, allowed, _children(rows), None, pronote_id, shut)
    if person_id is None:
        return Identity(user_id, username, PersonKind.NONE, allowed, (), None, pronote_id, shut)
    kind = PersonKind(person_kind)
    children: tuple[Child, ...] = ()
    if kind is PersonKind.GUARDIAN:
        children = _children(connection.execute(espace_statements.SELECT_CHILDREN, (person_id, LEAST_LEGAL_LEVEL)))
    teacher_id = person_id if kind is PersonKind.TEACHER else None
    return Identity(user_id, display_name(last, first), kind, allowed, children, teacher_id, pronote_id, shut)


def _children(rows: sqlite3.Cursor) -> tuple[Child, ...]:
    return tuple(
        Child(pupil_id, display_name(last, first), class_id, class_name)
        for pupil_id, last, first, class_id, class_name in rows
    )


def find_by_identity(
    connection: sqlite3.Connection,
    *,
    last_name: str,
    first_name: str,
    birth_date: date | None,
    postal_code: str | None,
    kinds: Collection[PersonKind],
) -> tuple[int, ...]:
    """Return the users who may be meant, by id: more than one are for the caller to refuse.

    Both names must be told and be the same, but for case, accents, spaces and hyphens. Birth date and postal code must
    not differ where they are told and the base knows them; a pupil's birth date it always knows.

    Args:
        connection: The base.
        last_name: Last name, as told.
        first_name: First name, as told.
        birth_date: None when it is not told.
        postal_code: None or empty when it is not told.
        kinds: Which kinds of persons may be meant.
    """
    wanted = (name_key(last_name), name_key(first_name))
    if not all(wanted):
        return ()
    born = None if birth_date is None else birth_date.isoformat()
    rows = connection.execute(espace_statements.SELECT_PEOPLE_OF_USERS)
    return tuple(
        sorted(
            user_id
            for user_id, kind, last, first, known_birth_date, known_postal_code in rows
            if kind in kinds
            and _agree(born, known_birth_date)
            and _agree(postal_code, known_postal_code)
            and (name_key(last), name_key(first)) == wanted
        )
    )


def _agree(told: str | None, known: str | None) -> bool:
    return not told or not known or told == known


def find_by_pronote_id(connection: sqlite3.Connection, pronote_id: str) -> int | None:
    """Return the user of a PRONOTE-ENT identifier."""
    row = connection.execute(espace_statements.SELECT_USER_BY_PRONOTE_ID, (pronote_id,)).fetchone()
    return None if row is None else int(row[0])


def find_cas_user(connection: sqlite3.Connection, cas_url: str, cas_user: str) -> int | None:
    """Return the user to whom an account of an ENT is tied."""
    row = connection.execute(statements.SELECT_CAS_LINK, (cas_url, cas_user)).fetchone()
    return None if row is None else int(row[0])


def link_cas_user(connection: sqlite3.Connection, cas_url: str, cas_user: str, user_id: int) -> None:
    """Tie an account of an ENT to a user, in the place of whom it was tied to before; nothing without such a user."""
    connection.execute(statements.REPLACE_CAS_LINK, {"url": cas_url, "cas_user": cas_user, "user_id": user_id})
