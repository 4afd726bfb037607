"""Looks a ticket's person up in the base, as the delegation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.storage import identities, pupil_numbers
from pronote_server.web.matching import fits, is_for, kinds_of, only_one, vectors_here
from pronote_server.web.site import IdentifiedBy
from pronote_server.web.ticket_identity import read_identity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from pronote_server.web.site import Identification
    from pronote_server.web.ticket_identity import TicketIdentity


def find_person(
    connection: sqlite3.Connection,
    identification: Identification,
    attributes: Mapping[str, Sequence[str]],
    establishments: frozenset[str],
) -> int | None:
    """Return the user whom a ticket is for, or None when it is nobody or more than one.

    Args:
        connection: An open base.
        identification: How the delegation finds persons.
        attributes: The ticket's.
        establishments: The base's own UAI and those that it manages.
    """
    ticket = read_identity(attributes, identification.attributes)
    if not is_for(ticket, establishments):
        return None
    match identification.by:
        case IdentifiedBy.PRONOTE_ID:
            return identities.find_by_pronote_id(connection, ticket.pronote_id)
        case IdentifiedBy.IDENTITY:
            if ticket.vectors:
                return only_one(_by_vectors(connection, ticket, establishments))
            return only_one(_by_names(connection, ticket, ticket.last_name, ticket.first_name))
        case IdentifiedBy.FIRST_LOGIN:
            return None


def _by_vectors(connection: sqlite3.Connection, ticket: TicketIdentity, establishments: frozenset[str]) -> set[int]:
    found: set[int] = set()
    for vector in vectors_here(ticket, establishments):
        if vector.pupil_id:
            users = pupil_numbers.users_of_number(connection, vector.pupil_id)
            found |= {user.user_id for user in users if fits(vector, user)}
        else:
            found |= set(_by_names(connection, ticket, vector.last_name, vector.first_name))
    return found


def _by_names(
    connection: sqlite3.Connection, ticket: TicketIdentity, last_name: str, first_name: str
) -> tuple[int, ...]:
    return identities.find_by_identity(
        connection,
        last_name=last_name,
        first_name=first_name,
        birth_date=ticket.birth_date,
        postal_code=ticket.postal_code or None,
        kinds=kinds_of(ticket),
    )
