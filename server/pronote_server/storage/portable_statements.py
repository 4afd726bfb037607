"""SQL statements by which users move between bases: who they are, by what holds in each of them."""

from __future__ import annotations

from typing import Final

SELECT_IDENTITIES: Final = """
    SELECT user_id, pronote_id, national_id, people.id, kind, people.last_name, people.first_name, people.birth_date,
           external_id
    FROM user_identities
    LEFT JOIN pupils ON pupils.id = user_identities.pupil_id
    LEFT JOIN people ON people.id = user_identities.person_id
"""
SELECT_PEOPLE: Final = "SELECT id, kind, last_name, first_name, birth_date, external_id FROM people"
SELECT_CHILDREN: Final = """
    SELECT guardian_id, national_id FROM guardianships JOIN pupils ON pupils.id = pupil_id
    WHERE legal_level <= ? ORDER BY guardian_id, national_id
"""
SELECT_CAS_LINKS: Final = "SELECT user_id, cas_url, cas_user FROM cas_links ORDER BY user_id, cas_url, cas_user"

DELETE_IDENTITY: Final = "DELETE FROM user_identities WHERE user_id = ?"
DELETE_CAS_LINKS: Final = "DELETE FROM cas_links WHERE user_id = ?"
INSERT_CAS_LINK: Final = "INSERT INTO cas_links (cas_url, cas_user, user_id) VALUES (?, ?, ?)"
