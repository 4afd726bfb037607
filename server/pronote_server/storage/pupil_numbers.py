"""Users whom a pupil's number of SIECLE leads to: a function of an open connection, run in the base's threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_server.storage.identities import LEAST_LEGAL_LEVEL, PersonKind

if TYPE_CHECKING:
    import sqlite3

SELECT_USERS_OF_NUMBER: Final = """
    SELECT user_id, 'pupil', pupils.last_name, pupils.first_name
    FROM pupils JOIN user_identities ON user_identities.pupil_id = pupils.id
    WHERE siecle_id = :number
    UNION ALL
    SELECT user_id, kind, people.last_name, people.first_name
    FROM pupils JOIN guardianships ON guardianships.pupil_id = pupils.id AND legal_level <= :level
    JOIN people ON people.id = guardian_id JOIN user_identities ON user_identities.person_id = people.id
    WHERE siecle_id = :number
"""


@dataclass(frozen=True)
class NumberedUser:
    """A user whom a pupil's number leads to: the pupil, or a guardian of that pupil."""

    user_id: int
    kind: PersonKind
    last_name: str
    first_name: str


def users_of_number(connection: sqlite3.Connection, number: str) -> tuple[NumberedUser, ...]:
    """Return the pupil with that number (ELEVE_ID) and its guardians, as far as they are users."""
    rows = connection.execute(SELECT_USERS_OF_NUMBER, {"number": number, "level": LEAST_LEGAL_LEVEL})
    return tuple(NumberedUser(user_id, PersonKind(kind), last, first) for user_id, kind, last, first in rows)
