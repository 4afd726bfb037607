"""Decides whom a ticket is for. Pure, and never a guess: two users who fit are nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.names import name_key
from pronote_server.storage.identities import PersonKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pronote_server.storage.pupil_numbers import NumberedUser
    from pronote_server.web.ticket_identity import TicketIdentity, Vector

EVERY_KIND = frozenset(PersonKind) - {PersonKind.NONE}
"""Whom a ticket without a category may be for."""


def is_for(ticket: TicketIdentity, establishments: frozenset[str]) -> bool:
    """Tell whether a ticket is for this base: it names no establishment, or one of the base's.

    Args:
        ticket: What the ENT tells.
        establishments: The base's own UAI and those that it manages.
    """
    return not ticket.uais or bool(ticket.uais & establishments)


def vectors_here(ticket: TicketIdentity, establishments: frozenset[str]) -> tuple[Vector, ...]:
    """Return the vectors that tell of this base: a family may have children elsewhere, too."""
    return tuple(vector for vector in ticket.vectors if not vector.uai or vector.uai in establishments)


def kinds_of(ticket: TicketIdentity) -> frozenset[PersonKind]:
    """Return whom a ticket may be for."""
    return ticket.kinds or EVERY_KIND


def fits(vector: Vector, user: NumberedUser) -> bool:
    """Tell whether a user whom the vector's number led to is meant.

    A pupil's number is enough for the pupil, whose names are often not told; a guardian must be told by name.
    """
    if vector.kind is not user.kind:
        return False
    told = (name_key(vector.last_name), name_key(vector.first_name))
    if not all(told):
        return vector.kind is PersonKind.PUPIL and not any(told)
    return told == (name_key(user.last_name), name_key(user.first_name))


def only_one(users: Iterable[int]) -> int | None:
    """Return the user when it is one and the same, else None."""
    found = set(users)
    return found.pop() if len(found) == 1 else None
