"""SQL statements of the imports."""

from __future__ import annotations

from typing import Final

INSERT_CALENDAR: Final = """
    INSERT INTO calendar (id, first_date, last_date)
    SELECT 1, ?, ? WHERE NOT EXISTS (SELECT 1 FROM courses) ON CONFLICT DO NOTHING
"""
SELECT_SUBJECT_BY_CODE: Final = "SELECT id, name FROM subjects WHERE code = ?"
SELECT_SUBJECT_BY_NAME: Final = "SELECT id, code FROM subjects WHERE name = ?"
UPDATE_SUBJECT_CODE: Final = "UPDATE subjects SET code = ? WHERE id = ?"
INSERT_SUBJECT: Final = "INSERT INTO subjects (name, code) VALUES (?, ?)"
RENAME_SUBJECT: Final = "UPDATE subjects SET name = ? WHERE id = ?"
RENAME_IN_RECORDS: Final = (
    "UPDATE marks SET subject = ? WHERE subject = ?",
    "UPDATE homework SET subject = ? WHERE subject = ?",
)
SELECT_PERSON: Final = """
    SELECT id, last_name, first_name, birth_date, postal_code FROM people WHERE kind = ? AND external_id = ?
"""
INSERT_PERSON: Final = """
    INSERT INTO people (last_name, first_name, birth_date, postal_code, kind, external_id) VALUES (?, ?, ?, ?, ?, ?)
    RETURNING id
"""
UPDATE_PERSON: Final = "UPDATE people SET last_name = ?, first_name = ?, birth_date = ?, postal_code = ? WHERE id = ?"
SELECT_SERVICE_KEYS: Final = """
    SELECT classes.id, subjects.id, people.id FROM classes, subjects, people
    WHERE classes.name = ? AND subjects.code = ? AND people.kind = 'teacher' AND people.external_id = ?
"""
SELECT_SERVICES: Final = """
    SELECT class_id, subject_id, teacher_id FROM services JOIN classes ON classes.id = class_id WHERE classes.name = ?
"""
INSERT_SERVICE: Final = "INSERT INTO services (class_id, subject_id, teacher_id) VALUES (?, ?, ?)"
DELETE_SERVICE: Final = "DELETE FROM services WHERE class_id = ? AND subject_id = ? AND teacher_id = ?"
SELECT_PUPIL: Final = """
    SELECT pupils.id, siecle_id, national_id, last_name, first_name, birth_date, classes.name, postal_code
    FROM pupils JOIN classes ON classes.id = class_id
    WHERE siecle_id = ?1 OR national_id = ?2 ORDER BY siecle_id IS ?1 DESC LIMIT 1
"""
INSERT_PUPIL: Final = """
    INSERT INTO pupils (siecle_id, national_id, last_name, first_name, birth_date, class_id, postal_code)
    VALUES (?, ?, ?, ?, ?, (SELECT id FROM classes WHERE name = ?), ?)
"""
UPDATE_PUPIL: Final = """
    UPDATE pupils SET siecle_id = ?, national_id = ?, last_name = ?, first_name = ?, birth_date = ?,
        class_id = (SELECT id FROM classes WHERE name = ?), postal_code = ? WHERE id = ?
"""
SELECT_SIECLE_PUPILS: Final = "SELECT siecle_id, id FROM pupils WHERE siecle_id IS NOT NULL"
SELECT_SIECLE_LINKS: Final = """
    SELECT guardian_id, pupil_id, relation, legal_level
    FROM guardianships JOIN people ON people.id = guardian_id WHERE external_id IS NOT NULL
"""
DELETE_LINK: Final = "DELETE FROM guardianships WHERE guardian_id = ? AND pupil_id = ?"
MERGE_LINK: Final = """
    INSERT INTO guardianships (guardian_id, pupil_id, relation, legal_level) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET relation = excluded.relation, legal_level = excluded.legal_level
"""
