"""SQL statements of what the Espaces show, and of who may enter them."""

from __future__ import annotations

from typing import Final

SELECT_IDENTITY: Final = """
    SELECT username, pupils.id, pupils.last_name, pupils.first_name,
           people.id, people.kind, people.last_name, people.first_name, pronote_id,
           (SELECT group_concat(espace) FROM user_espaces WHERE user_espaces.user_id = users.id), locked
    FROM users
    LEFT JOIN user_identities ON user_identities.user_id = users.id
    LEFT JOIN pupils ON pupils.id = user_identities.pupil_id
    LEFT JOIN people ON people.id = user_identities.person_id
    WHERE users.id = ?
"""
SELECT_PUPIL_AS_CHILD: Final = """
    SELECT pupils.id, last_name, first_name, class_id, classes.name
    FROM pupils JOIN classes ON classes.id = class_id WHERE pupils.id = ?
"""
SELECT_CHILDREN: Final = """
    SELECT pupils.id, last_name, first_name, class_id, classes.name
    FROM guardianships JOIN pupils ON pupils.id = pupil_id JOIN classes ON classes.id = class_id
    WHERE guardian_id = ? AND legal_level <= ? ORDER BY birth_date, pupils.id
"""
SELECT_PEOPLE_OF_USERS: Final = """
    SELECT user_id, 'pupil', last_name, first_name, birth_date, postal_code
    FROM user_identities JOIN pupils ON pupils.id = pupil_id
    UNION ALL
    SELECT user_id, kind, last_name, first_name, birth_date, postal_code
    FROM user_identities JOIN people ON people.id = person_id
"""
SELECT_USER_BY_PRONOTE_ID: Final = "SELECT user_id FROM user_identities WHERE pronote_id = ?"

SELECT_CALENDAR: Final = "SELECT first_date, last_date FROM calendar WHERE id = 1"
SELECT_PERIODS: Final = "SELECT id, name, first_date, last_date FROM periods ORDER BY first_date, id"

_SELECT_COURSES: Final = """
    SELECT courses.id, weekday, start, minutes, subjects.name, people.last_name, people.first_name, classes.name, room
    FROM courses
    JOIN subjects ON subjects.id = subject_id
    JOIN classes ON classes.id = class_id
    LEFT JOIN people ON people.id = teacher_id
    WHERE {whose} = :id AND (weeks >> :week) & 1
    ORDER BY weekday, start, courses.id
"""
SELECT_COURSES_OF_CLASS: Final = _SELECT_COURSES.format(whose="class_id")
SELECT_COURSES_OF_TEACHER: Final = _SELECT_COURSES.format(whose="teacher_id")

SELECT_HOMEWORK: Final = """
    SELECT id, subject, given_date, due_date, content FROM homework
    WHERE due_date BETWEEN :first AND :last AND class_id = :class_id ORDER BY due_date, id
"""

# CROSS JOIN: SQLite then goes through the weeks and looks each up in the index, and never the other way round.
SELECT_MARKS: Final = """
    WITH RECURSIVE weeks (number) AS (
        SELECT :first_week UNION ALL SELECT number + 1 FROM weeks WHERE number < :last_week
    )
    SELECT id, subject, given_date, value_hundredths, out_of_hundredths, coefficient_hundredths
    FROM weeks CROSS JOIN marks ON marks.week = number AND pupil_id = :pupil
    WHERE given_date BETWEEN :first AND :last ORDER BY given_date, id
"""
