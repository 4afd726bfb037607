"""SQL statements that enter people, subjects and the timetable."""

from __future__ import annotations

from typing import Final

INSERT_PERSON: Final = """
    INSERT INTO people (kind, last_name, first_name, birth_date, postal_code, external_id)
    VALUES (:kind, :last_name, :first_name, :birth_date, :postal_code, :external_id) RETURNING id
"""
MERGE_GUARDIANSHIP: Final = """
    INSERT INTO guardianships (guardian_id, pupil_id, relation, legal_level) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET relation = excluded.relation, legal_level = excluded.legal_level
"""
SELECT_PUPIL_ID: Final = "SELECT id FROM pupils WHERE national_id = ?"
INSERT_IDENTITY: Final = "INSERT INTO user_identities (user_id, pupil_id, person_id, pronote_id) VALUES (?, ?, ?, ?)"
SELECT_CLASS_ID: Final = "SELECT id FROM classes WHERE name = ?"
UPDATE_PUPIL_POSTAL_CODE: Final = "UPDATE pupils SET postal_code = ? WHERE id = ?"
INSERT_SUBJECT: Final = "INSERT INTO subjects (name) VALUES (?) RETURNING id"
INSERT_COURSE: Final = """
    INSERT INTO courses (weekday, start, minutes, subject_id, teacher_id, class_id, room, weeks)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_MARK: Final = """
    INSERT INTO marks (pupil_id, subject, given_date, value_hundredths, out_of_hundredths, coefficient_hundredths)
    VALUES (?, ?, ?, ?, ?, ?)
"""
INSERT_HOMEWORK: Final = """
    INSERT INTO homework (class_id, subject, given_date, due_date, content) VALUES (?, ?, ?, ?, ?)
"""
INSERT_PERIOD: Final = "INSERT INTO periods (id, name, first_date, last_date) VALUES (?, ?, ?, ?)"
