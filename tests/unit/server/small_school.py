"""A base in memory with two classes and a few people, for tests of what the Espaces show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.storage import statements
from pronote_server.storage.connection import connect, migrate

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

ROWS = """
INSERT INTO base VALUES (1, '0750654D', 2026, 60, '08:00', '18:00', '1', 'then');
INSERT INTO classes VALUES (1, '6A'), (2, '4B');
INSERT INTO pupils (id, national_id, last_name, first_name, birth_date, class_id, postal_code) VALUES
    (1, '00000000001', 'LEFÈVRE-DUC', 'Zoé', '2015-02-03', 1, '75012'),
    (2, '00000000002', 'LEFÈVRE-DUC', 'Noé', '2012-04-05', 2, '75012'),
    (3, '00000000003', 'MARTEL', 'Ana', '2015-06-07', 1, NULL);
INSERT INTO people (id, kind, last_name, first_name, birth_date, postal_code) VALUES
    (1, 'guardian', 'DUC', 'Anne-Laure', NULL, '75012'),
    (2, 'teacher', 'CŒUR', 'Paul', '1980-01-01', NULL),
    (3, 'guardian', 'DUC', 'Anne Laure', NULL, '69001');
INSERT INTO guardianships VALUES (1, 1, 'MERE', 1), (1, 2, 'MERE', 2), (1, 3, 'AUTRE', 3);
INSERT INTO users (id, username, username_key, password_hash, superadministrator, locked, created_time) VALUES
    (11, 'zoe', 'zoe', 'h', 0, 0, 'then'), (12, 'anne', 'anne', 'h', 0, 0, 'then'),
    (13, 'paul', 'paul', 'h', 0, 0, 'then'), (14, 'admin', 'admin', 'h', 0, 0, 'then'),
    (15, 'autre', 'autre', 'h', 0, 0, 'then');
INSERT INTO user_espaces VALUES (11, 'Eleves'), (12, 'Parents'), (13, 'Professeurs'), (13, 'VieScolaire');
INSERT INTO user_identities VALUES
    (11, 1, NULL, 'A8BT6EGHDW3QFPX1'), (12, NULL, 1, 'A8BT6EGHDW3QFPX2'), (13, NULL, 2, 'A8BT6EGHDW3QFPX3'),
    (15, NULL, 3, 'A8BT6EGHDW3QFPX4');
INSERT INTO subjects VALUES (1, 'MATHÉMATIQUES', NULL), (2, 'ANGLAIS LV1', NULL);
INSERT INTO courses VALUES
    (1, 1, '08:00', 60, 1, 2, 1, '101', 3),
    (2, 1, '08:00', 60, 2, NULL, 2, '', 2),
    (3, 5, '16:30', 90, 1, 2, 2, '102', 1);
INSERT INTO homework (class_id, subject, given_date, due_date, content) VALUES
    (1, 'MATHÉMATIQUES', '2026-09-02', '2026-09-07', 'b'), (1, 'ANGLAIS LV1', '2026-09-01', '2026-09-04', 'a'),
    (2, 'ANGLAIS LV1', '2026-09-01', '2026-09-04', 'other class'),
    (1, 'ANGLAIS LV1', '2026-09-01', '2026-09-08', 'later');
"""


def small_school(folder: Path) -> sqlite3.Connection:
    """Make the base and return a connection to it."""
    connection = connect(folder / "base.sqlite", create=True)
    connection.execute(statements.DO_NOT_SYNC)
    migrate(connection)
    connection.executescript(ROWS)
    return connection
