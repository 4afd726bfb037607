"""A small school in a running base: two sisters, their mother, a teacher, a director, and a pupil of another family."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from pronote_server.passwords import new_hasher
from tests.support.net_server import PASSWORD

if TYPE_CHECKING:
    from tests.support.net_server import NetServer

PUPIL, MOTHER, TEACHER, OTHER, DIRECTOR = "zoe", "anne", "paul", "ana", "claire"
ESPACE = {PUPIL: "Eleves", MOTHER: "Parents", TEACHER: "Professeurs", OTHER: "Eleves", DIRECTOR: "Direction"}
PUPIL_ID, SISTER_ID, OTHER_ID = 1, 2, 3
FIRST_MONDAY = "2026-08-31"

ROWS = """
INSERT INTO classes VALUES (1, '6A'), (2, '4B');
INSERT INTO pupils (id, national_id, last_name, first_name, birth_date, class_id, postal_code, siecle_id) VALUES
    (1, '00000000001', 'LEFÈVRE-DUC', 'Zoé', '2015-02-03', 1, '75012', '701'),
    (2, '00000000002', 'LEFÈVRE-DUC', 'Inès', '2017-04-05', 2, '75012', '702'),
    (3, '00000000003', 'MARTEL', 'Ana', '2015-06-07', 1, NULL, '703');
INSERT INTO people (id, kind, last_name, first_name, birth_date, postal_code) VALUES
    (1, 'guardian', 'DUC', 'Anne-Laure', NULL, '75012'),
    (2, 'teacher', 'CŒUR', 'Paul', '1980-01-01', NULL);
INSERT INTO guardianships VALUES (1, 1, 'MERE', 1), (1, 2, 'MERE', 1), (1, 3, 'AUTRE', 3);
INSERT INTO user_espaces VALUES (11, 'Eleves'), (12, 'Parents'), (13, 'Professeurs'), (14, 'Direction'), (15, 'Eleves');
INSERT INTO user_identities VALUES
    (11, 1, NULL, 'A8BT6EGHDW3QFPX1'), (12, NULL, 1, 'A8BT6EGHDW3QFPX2'), (13, NULL, 2, 'A8BT6EGHDW3QFPX3'),
    (15, 3, NULL, 'A8BT6EGHDW3QFPX5');
INSERT INTO subjects VALUES (1, 'MATHÉMATIQUES', NULL), (2, 'ANGLAIS LV1', NULL);
INSERT INTO courses VALUES
    (1, 1, '08:00', 60, 1, 2, 1, '101', 3),
    (2, 2, '10:00', 120, 2, NULL, 1, '', 3),
    (3, 5, '16:30', 90, 1, 2, 2, '102', 1);
INSERT INTO homework (class_id, subject, given_date, due_date, content) VALUES
    (1, 'MATHÉMATIQUES', '2026-09-01', '2026-09-04', 'Exercice 3 <page 12> & suivants'),
    (2, 'ANGLAIS LV1', '2026-09-01', '2026-09-04', 'Lesson 1');
INSERT INTO marks (pupil_id, subject, given_date, value_hundredths, out_of_hundredths, coefficient_hundredths) VALUES
    (1, 'MATHÉMATIQUES', '2026-09-10', 1225, 2000, 100), (1, 'MATHÉMATIQUES', '2026-09-17', 800, 1000, 200),
    (2, 'ANGLAIS LV1', '2026-09-11', 1700, 2000, 100), (3, 'MATHÉMATIQUES', '2026-09-10', 500, 2000, 100);
"""
INSERT_USER = """
    INSERT INTO users (id, username, username_key, password_hash, superadministrator, locked, created_time)
    VALUES (?, ?, ?, ?, 0, 0, 'then')
"""


def install_school(server: NetServer) -> None:
    """Write the school into the base of a running server, and present each password once, as a first visit does."""
    hashed = new_hasher().hash(PASSWORD)
    with contextlib.closing(sqlite3.connect(server.volume.year_folder / "base.sqlite")) as base:
        users = [(11, PUPIL), (12, MOTHER), (13, TEACHER), (14, DIRECTOR), (15, OTHER)]
        base.executemany(INSERT_USER, [(key, name, name, hashed) for key, name in users])
        base.executescript(ROWS)
        base.commit()
    for name, espace in ESPACE.items():
        entered = server.enter(name, espace, visitor="192.0.2.200")
        assert entered.status == 200, entered.body
        server.net("DELETE", "/net/v1/session", session=entered.json["token"])
