"""Finds the user whom a ticket is for. Pure, and never a guess: two users who fit are nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronote_server.web.site import IdentifiedBy
from pronote_server.web.ticket_identity import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from pronote_server.web.ticket_identity import TicketIdentity, Vector


@dataclass(frozen=True)
class Child:
    """A child of a guardian, as far as tickets tell of one."""

    pupil_ids: frozenset[str]
    last_name: str
    first_name: str
    birth_date: date | None


@dataclass(frozen=True)
class Candidate:
    """A user who may be meant.

    Attributes:
        user_id: Row of the user.
        last_name: As names of persons are compared; so is `first_name`.
        birth_date: None when the base does not know it.
        postal_code: Empty when the base does not know it.
        pronote_id: Identifier for ENTs (Identifiant PRONOTE-ENT); empty when there is none.
        pupil_ids: A pupil's own identifiers (SIECLE's ELEVE_ID, INE).
        children: A guardian's.
    """

    user_id: int
    kind: Kind
    last_name: str
    first_name: str
    birth_date: date | None = None
    postal_code: str = ""
    pronote_id: str = ""
    pupil_ids: frozenset[str] = frozenset()
    children: tuple[Child, ...] = ()


def is_of(ticket: TicketIdentity, establishments: frozenset[str]) -> bool:
    """Tell whether a ticket is for this base: it names none, or one of its establishments."""
    return not ticket.uais or bool(ticket.uais & establishments)


def find_user(
    ticket: TicketIdentity, by: IdentifiedBy, establishments: frozenset[str], candidates: Iterable[Candidate]
) -> int | None:
    """Return the user whom a ticket is for, or None when it is nobody or more than one.

    Args:
        ticket: What the ENT tells.
        by: `Identity` or `PronoteId`; by first login nobody is found.
        establishments: The base's own UAI and those that it manages.
        candidates: Users who may be meant.
    """
    if not is_of(ticket, establishments):
        return None
    match by:
        case IdentifiedBy.PRONOTE_ID:
            found = {one.user_id for one in candidates if ticket.pronote_id and one.pronote_id == ticket.pronote_id}
        case IdentifiedBy.IDENTITY:
            found = {one.user_id for one in candidates if _fits(ticket, one, establishments)}
        case IdentifiedBy.FIRST_LOGIN:
            found = set()
    return found.pop() if len(found) == 1 else None


def _fits(ticket: TicketIdentity, candidate: Candidate, establishments: frozenset[str]) -> bool:
    if ticket.kinds and candidate.kind not in ticket.kinds:
        return False
    here = [vector for vector in ticket.vectors if not vector.uai or vector.uai in establishments]
    if any(_vector_fits(vector, candidate) for vector in here):
        return True
    return not ticket.vectors and _identity_fits(ticket, candidate)


def _identity_fits(ticket: TicketIdentity, candidate: Candidate) -> bool:
    """Names must be told and the same; and what both know beside the names must not differ."""
    if not ticket.last_name or not ticket.first_name:
        return False
    if (ticket.last_name, ticket.first_name) != (candidate.last_name, candidate.first_name):
        return False
    if None not in (ticket.birth_date, candidate.birth_date) and ticket.birth_date != candidate.birth_date:
        return False
    return not (ticket.postal_code and candidate.postal_code and ticket.postal_code != candidate.postal_code)


def _vector_fits(vector: Vector, candidate: Candidate) -> bool:
    """A vector names a pupil by number, and a guardian by name and the number of a child."""
    if vector.kind is not candidate.kind:
        return False
    names_told = bool(vector.last_name and vector.first_name)
    names_fit = (vector.last_name, vector.first_name) == (candidate.last_name, candidate.first_name)
    if vector.kind is Kind.PUPIL:
        return bool(vector.pupil_id) and vector.pupil_id in candidate.pupil_ids and (names_fit or not names_told)
    children = frozenset[str]().union(*(child.pupil_ids for child in candidate.children))
    return names_told and names_fit and (not vector.pupil_id or vector.pupil_id in children)
