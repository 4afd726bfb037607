"""SQL statements: the schema, and what users, pupils and absences need."""

from __future__ import annotations

from typing import Final

from pronote_server.storage.schema_espaces import SCHEMA_ESPACES

APPLICATION_ID: Final = 0x50524E54
"""`PRNT`: marks a SQLite file as one of our bases."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE base (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            uai TEXT NOT NULL,
            school_year INTEGER NOT NULL,
            slot_minutes INTEGER NOT NULL CHECK (slot_minutes > 0),
            day_start TEXT NOT NULL,
            day_end TEXT NOT NULL,
            created_by_version TEXT NOT NULL,
            created_time TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE users (
            id INTEGER PRIMARY KEY,
            username TEXT NOT NULL,
            username_key TEXT NOT NULL UNIQUE,
            password_hash TEXT NOT NULL,
            superadministrator INTEGER NOT NULL CHECK (superadministrator IN (0, 1)),
            locked INTEGER NOT NULL CHECK (locked IN (0, 1)),
            created_time TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE user_modes (
            user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            mode TEXT NOT NULL CHECK (mode IN ('administratif', 'enseignant', 'vie-scolaire')),
            PRIMARY KEY (user_id, mode)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE login_audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
            application TEXT NOT NULL,
            mode TEXT NOT NULL,
            result TEXT NOT NULL,
            address TEXT
        ) STRICT
        """,
        "CREATE INDEX login_audit_user ON login_audit (user_id) WHERE user_id IS NOT NULL",
        "CREATE INDEX login_audit_address ON login_audit (time) WHERE address IS NOT NULL",
    ),
    # What a school day writes is appended: rows by a growing id, indexes by a date. An index by pupil would change one
    # page here and there for each row, and every snapshot would have to store all of those pages again.
    (
        "CREATE TABLE classes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
        """
        -- Pupils: élèves. The national number is the INE.
        CREATE TABLE pupils (
            id INTEGER PRIMARY KEY,
            national_id TEXT NOT NULL UNIQUE,
            last_name TEXT NOT NULL,
            first_name TEXT NOT NULL,
            birth_date TEXT NOT NULL,
            class_id INTEGER NOT NULL REFERENCES classes (id)
        ) STRICT
        """,
        """
        CREATE TABLE absences (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            pupil_id INTEGER NOT NULL REFERENCES pupils (id),
            start_time INTEGER NOT NULL,
            minutes INTEGER NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
            reason TEXT NOT NULL,
            recorded_time INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX absences_start ON absences (start_time)",
        """
        -- Marks: notes. Hundredths, so that 12.25 of 20 is exact.
        CREATE TABLE marks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            pupil_id INTEGER NOT NULL REFERENCES pupils (id),
            subject TEXT NOT NULL,
            given_date TEXT NOT NULL,
            value_hundredths INTEGER NOT NULL CHECK (value_hundredths >= 0),
            out_of_hundredths INTEGER NOT NULL CHECK (out_of_hundredths > 0),
            coefficient_hundredths INTEGER NOT NULL CHECK (coefficient_hundredths > 0)
        ) STRICT
        """,
        "CREATE INDEX marks_given ON marks (given_date)",
        """
        -- Homework: cahier de textes.
        CREATE TABLE homework (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            class_id INTEGER NOT NULL REFERENCES classes (id),
            subject TEXT NOT NULL,
            given_date TEXT NOT NULL,
            due_date TEXT NOT NULL CHECK (due_date >= given_date),
            content TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX homework_due ON homework (due_date)",
    ),
    (
        """
        -- What the web protocol needs of a password, sealed with a key that is not in the base.
        CREATE TABLE verifiers (
            user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            sealed BLOB NOT NULL
        ) STRICT
        """,
        """
        -- Accounts of ENTs (Id. CAS) that were tied to users.
        CREATE TABLE cas_links (
            cas_url TEXT NOT NULL,
            cas_user TEXT NOT NULL,
            user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            PRIMARY KEY (cas_url, cas_user)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX cas_links_user ON cas_links (user_id)",
    ),
    SCHEMA_ESPACES,
)
"""Statements that bring a base from schema version n to n + 1. Entries are never changed, only added."""

SCHEMA_VERSION: Final = len(MIGRATIONS)
"""Schema of this server, kept in `user_version`."""

READ_APPLICATION_ID: Final = "PRAGMA application_id"
READ_SCHEMA_VERSION: Final = "PRAGMA user_version"
WRITE_APPLICATION_ID: Final = f"PRAGMA application_id = {APPLICATION_ID}"
WRITE_SCHEMA_VERSION: Final = "PRAGMA user_version = {version:d}"

CONNECTION_PRAGMAS: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    # FULL: what was answered is on disk even if the node loses power.
    "PRAGMA synchronous = FULL",
    # 2 MiB a connection instead of SQLite's default per page: bases are small, pods are many.
    "PRAGMA cache_size = -2048",
)
KEPT_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 10000",
    "PRAGMA cache_size = -2048",
    # Its schema may be that of a file that was loaded: functions in it are not run. The root file system is read-only.
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
)
"""Of the connection to a base of a past year."""

SHOW_COLUMNS: Final = "CREATE TEMP VIEW {table} AS SELECT *, {columns} FROM main.{table}"
QUERY_ONLY: Final = "PRAGMA query_only = ON"
USE_WAL: Final = "PRAGMA journal_mode = WAL"
DO_NOT_SYNC: Final = "PRAGMA synchronous = OFF"
EMPTY_WAL: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
BEGIN_READ: Final = "BEGIN"
BEGIN_WRITE: Final = "BEGIN IMMEDIATE"
COMMIT: Final = "COMMIT"
ROLLBACK: Final = "ROLLBACK"
PIN_SNAPSHOT: Final = "SELECT count(*) FROM sqlite_schema"

INSERT_BASE: Final = """
    INSERT INTO base (id, uai, school_year, slot_minutes, day_start, day_end, created_by_version, created_time)
    VALUES (1, :uai, :school_year, :slot_minutes, :day_start, :day_end, :version, :time)
"""
SELECT_BASE: Final = "SELECT uai, school_year, created_by_version FROM base WHERE id = 1"
SELECT_GRID: Final = "SELECT school_year, slot_minutes, day_start, day_end FROM base WHERE id = 1"

INSERT_USER: Final = """
    INSERT INTO users (username, username_key, password_hash, superadministrator, locked, created_time)
    VALUES (:username, :key, :password_hash, :superadministrator, 0, :time)
"""
INSERT_USER_MODE: Final = "INSERT INTO user_modes (user_id, mode) VALUES (?, ?)"
INSERT_USER_ESPACE: Final = "INSERT INTO user_espaces (user_id, espace) VALUES (?, ?) ON CONFLICT DO NOTHING"
DELETE_USER_ESPACES: Final = "DELETE FROM user_espaces WHERE user_id = ?"
SELECT_USER: Final = """
    SELECT id, username, password_hash, superadministrator, locked,
           (SELECT group_concat(mode) FROM user_modes WHERE user_id = users.id),
           username_key, (SELECT sealed FROM verifiers WHERE user_id = users.id),
           (SELECT group_concat(espace) FROM user_espaces WHERE user_id = users.id)
    FROM users WHERE username_key = ?
"""
SELECT_USER_BY_ID: Final = """
    SELECT id, username, password_hash, superadministrator, locked,
           (SELECT group_concat(mode) FROM user_modes WHERE user_id = users.id),
           username_key, (SELECT sealed FROM verifiers WHERE user_id = users.id),
           (SELECT group_concat(espace) FROM user_espaces WHERE user_id = users.id)
    FROM users WHERE id = ?
"""
SELECT_USERS: Final = """
    SELECT id, username, password_hash, superadministrator, locked,
           (SELECT group_concat(mode) FROM user_modes WHERE user_id = users.id),
           username_key, (SELECT sealed FROM verifiers WHERE user_id = users.id),
           (SELECT group_concat(espace) FROM user_espaces WHERE user_id = users.id)
    FROM users ORDER BY username_key
"""
MERGE_USER: Final = """
    INSERT INTO users (username, username_key, password_hash, superadministrator, locked, created_time)
    VALUES (:username, :key, :password_hash, :superadministrator, :locked, :time)
    ON CONFLICT (username_key) DO UPDATE SET username = excluded.username, password_hash = excluded.password_hash,
        superadministrator = excluded.superadministrator, locked = excluded.locked
    RETURNING id
"""
DELETE_USER_MODES: Final = "DELETE FROM user_modes WHERE user_id = ?"
DELETE_USER: Final = "DELETE FROM users WHERE username_key = ?"
UPDATE_USER_LOCKED: Final = "UPDATE users SET locked = ? WHERE username_key = ?"
UPDATE_USER_HASH: Final = "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?"

REPLACE_VERIFIER: Final = """
    INSERT INTO verifiers (user_id, sealed) SELECT id, :sealed FROM users WHERE id = :id AND password_hash = :hash
    ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed
"""

REPLACE_CAS_LINK: Final = """
    INSERT INTO cas_links (cas_url, cas_user, user_id) SELECT :url, :cas_user, id FROM users WHERE id = :user_id
    ON CONFLICT (cas_url, cas_user) DO UPDATE SET user_id = excluded.user_id
"""
SELECT_CAS_LINK: Final = "SELECT user_id FROM cas_links WHERE cas_url = ? AND cas_user = ?"

INSERT_AUDIT: Final = """
    INSERT INTO login_audit (time, user_id, application, mode, espace, result, address)
    VALUES (:time, (SELECT id FROM users WHERE id = :user_id), :application, :mode, :espace, :result, :address)
"""
TRIM_AUDIT: Final = "DELETE FROM login_audit WHERE id <= (SELECT max(id) FROM login_audit) - ?"
SELECT_OLDEST_AUDIT: Final = "SELECT time FROM login_audit ORDER BY id LIMIT 1"
FORGET_OLD_AUDIT: Final = "DELETE FROM login_audit WHERE time < ?"
FORGET_ADDRESSES: Final = "UPDATE login_audit SET address = NULL WHERE address IS NOT NULL AND time < ?"

SELECT_CLASSES: Final = "SELECT id, name FROM classes ORDER BY name"
INSERT_CLASS: Final = "INSERT INTO classes (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
INSERT_PUPIL: Final = """
    INSERT INTO pupils (national_id, last_name, first_name, birth_date, class_id)
    VALUES (:national_id, :last_name, :first_name, :birth_date, (SELECT id FROM classes WHERE name = :class_name))
"""
SELECT_NATIONAL_ID: Final = "SELECT 1 FROM pupils WHERE national_id = ?"
SELECT_PUPILS: Final = """
    SELECT pupils.id, last_name, first_name, classes.name
    FROM pupils JOIN classes ON classes.id = class_id
    WHERE pupils.id > ? ORDER BY pupils.id LIMIT ?
"""
COUNT_PUPILS: Final = "SELECT count(*) FROM pupils"
INSERT_ABSENCE: Final = """
    INSERT INTO absences (pupil_id, start_time, minutes, reason, recorded_time)
    VALUES (:pupil, :start_time, :minutes, :reason, :recorded_time)
"""
SELECT_ABSENCES: Final = """
    SELECT id, pupil_id, start_time, minutes, reason, recorded_time FROM absences WHERE id > ? ORDER BY id LIMIT ?
"""
