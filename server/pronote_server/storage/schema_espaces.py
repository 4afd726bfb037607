"""Schema 4: who the people of a school are, what the Espaces show, and who may enter them."""

from __future__ import annotations

from typing import Final

SCHEMA_ESPACES: Final[tuple[str, ...]] = (
    "ALTER TABLE login_audit ADD COLUMN espace TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE pupils ADD COLUMN postal_code TEXT",
    # ELEVE_ID of SIECLE.
    "ALTER TABLE pupils ADD COLUMN siecle_id TEXT",
    "CREATE UNIQUE INDEX pupils_siecle ON pupils (siecle_id) WHERE siecle_id IS NOT NULL",
    """
    -- Responsables, professeurs, personnels. The external id is INDIVIDU of STS (type and ID) or PERSONNE_ID of SIECLE.
    CREATE TABLE people (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('guardian', 'teacher', 'staff')),
        last_name TEXT NOT NULL,
        first_name TEXT NOT NULL,
        birth_date TEXT,
        postal_code TEXT,
        external_id TEXT
    ) STRICT
    """,
    "CREATE UNIQUE INDEX people_external ON people (kind, external_id) WHERE external_id IS NOT NULL",
    """
    -- Legal level of SIECLE (NIVEAU_RESPONSABILITE): 1 legal representative, 2 in charge, 3 contact.
    CREATE TABLE guardianships (
        guardian_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        pupil_id INTEGER NOT NULL REFERENCES pupils (id) ON DELETE CASCADE,
        relation TEXT NOT NULL,
        legal_level INTEGER NOT NULL CHECK (legal_level BETWEEN 1 AND 3),
        PRIMARY KEY (guardian_id, pupil_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    -- Matières. The code is the national one (MATIERE@CODE).
    CREATE TABLE subjects (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        code TEXT UNIQUE
    ) STRICT
    """,
    """
    -- Services: who is to teach what to which class, as STS says; the timetable places them.
    CREATE TABLE services (
        class_id INTEGER NOT NULL REFERENCES classes (id) ON DELETE CASCADE,
        subject_id INTEGER NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
        teacher_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        PRIMARY KEY (class_id, subject_id, teacher_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    -- Cours. Bit n of the weeks: takes place in the nth week, 0 being the one in which the year begins.
    CREATE TABLE courses (
        id INTEGER PRIMARY KEY,
        weekday INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7),
        start TEXT NOT NULL,
        minutes INTEGER NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
        subject_id INTEGER NOT NULL REFERENCES subjects (id),
        teacher_id INTEGER REFERENCES people (id) ON DELETE SET NULL,
        class_id INTEGER NOT NULL REFERENCES classes (id) ON DELETE CASCADE,
        room TEXT NOT NULL,
        weeks INTEGER NOT NULL CHECK (weeks > 0)
    ) STRICT
    """,
    """
    -- Périodes de notation: as a rule three, trimestres.
    CREATE TABLE periods (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        first_date TEXT NOT NULL,
        last_date TEXT NOT NULL CHECK (last_date >= first_date)
    ) STRICT
    """,
    """
    -- When the year begins and ends, if other than in September and July: overseas they do not.
    CREATE TABLE calendar (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        first_date TEXT NOT NULL,
        last_date TEXT NOT NULL CHECK (last_date >= first_date)
    ) STRICT
    """,
    """
    CREATE TABLE user_espaces (
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        espace TEXT NOT NULL,
        PRIMARY KEY (user_id, espace)
    ) STRICT, WITHOUT ROWID
    """,
    # Who may connect as something may enter the Espace of the same people, as `users.ESPACES_OF_MODES` says.
    """
    INSERT INTO user_espaces (user_id, espace)
    SELECT user_id, CASE mode
        WHEN 'administratif' THEN 'Direction' WHEN 'enseignant' THEN 'Professeurs' ELSE 'VieScolaire' END
    FROM user_modes
    """,
    """
    -- Who a user is: a pupil, another person, or nobody of the base. The PRONOTE-ENT identifier is what ENTs may know.
    CREATE TABLE user_identities (
        user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        pupil_id INTEGER UNIQUE REFERENCES pupils (id) ON DELETE CASCADE,
        person_id INTEGER UNIQUE REFERENCES people (id) ON DELETE CASCADE,
        pronote_id TEXT NOT NULL UNIQUE CHECK (length(pronote_id) = 16),
        CHECK (pupil_id IS NULL OR person_id IS NULL)
    ) STRICT
    """,
    # Weeks since Monday 3 January 2000 (Julian day 2451546.5). By pupil within a week: a day's marks change the dozen
    # pages of the present week and no others, and a term of a pupil is some fifteen short look-ups.
    """
    ALTER TABLE marks ADD COLUMN week INTEGER
        GENERATED ALWAYS AS (CAST((julianday(given_date) - 2451546.5) / 7 AS INTEGER)) VIRTUAL
    """,
    "CREATE INDEX marks_week_pupil ON marks (week, pupil_id)",
    "DROP INDEX marks_given",
)
"""Statements that bring a base from schema version 3 to 4."""
