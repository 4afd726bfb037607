"""A base like a school's, and what its days write into it: for measuring how much its snapshots take.

Tables and amounts are this bench's own: 600 pupils in 24 classes. A pupil gets a mark a day (some 170 in a year, over
twelve subjects), a tenth of the pupils is absent or late, a class is given four pieces of homework. Rows are only
appended, but the indexes by pupil are written to all over: each mark changes a page of its own there, which is most of
what a day adds to the snapshots.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PUPILS: Final = 600
CLASSES: Final = 24
MARKS_A_DAY: Final = 600
ABSENCES_A_DAY: Final = 60
HOMEWORK_A_DAY: Final = 96

_WORDS: Final = re.findall(
    r"\w+",
    "lire exercice page chapitre apprendre leçon pour lundi mardi jeudi réviser contrôle rédiger résumé carte "
    "géométrie fractions verbe passé composé volcan cellule énergie révolution empire poème oral exposé terminer",
)

_SCHEMA: Final = """
CREATE TABLE pupils (id INTEGER PRIMARY KEY, name TEXT, first_name TEXT, born TEXT, class INTEGER, address TEXT);
CREATE TABLE marks (id INTEGER PRIMARY KEY, pupil INTEGER, subject INTEGER, value REAL, day INTEGER, remark TEXT);
CREATE TABLE absences (id INTEGER PRIMARY KEY, pupil INTEGER, day INTEGER, first INTEGER, last INTEGER, reason TEXT);
CREATE TABLE homework (id INTEGER PRIMARY KEY, class INTEGER, subject INTEGER, day INTEGER, task TEXT);
CREATE INDEX marks_of_pupil ON marks (pupil, subject);
CREATE INDEX absences_of_pupil ON absences (pupil);
"""

_CHANGES: Final = {
    "pupils": "UPDATE pupils SET address = ? WHERE id = ?",
    "marks": "UPDATE marks SET remark = ? WHERE id = ?",
    "absences": "UPDATE absences SET reason = ? WHERE id = ?",
    "homework": "UPDATE homework SET task = ? WHERE id = ?",
}


class SchoolBase:
    """A base on a disk, and its writers.

    Args:
        path: of the file, which is made.
        megabytes: that it has at first; as many days are written as that takes.
        seed: the same gives the same base.
        marks: that are given on a day.
    """

    def __init__(self, path: Path, megabytes: int, seed: int = 1, marks: int = MARKS_A_DAY) -> None:
        self.path = path
        self._marks = marks
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._connection = sqlite3.connect(path)
        self._connection.executescript("PRAGMA page_size=4096; PRAGMA synchronous=OFF;" + _SCHEMA)
        self._connection.executemany(
            "INSERT INTO pupils VALUES (?, ?, ?, ?, ?, ?)",
            (
                (number, self._text(2), self._text(1), "2013-05-07", number % CLASSES, self._text(8))
                for number in range(PUPILS)
            ),
        )
        self._day = 0
        while self.size_bytes < megabytes * 1_000_000:
            for _ in range(10):
                self.write_day()
            self._connection.commit()

    @property
    def size_bytes(self) -> int:
        """Of the base."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        return int(pages) * 4096

    def write_day(self, part: float = 1.0) -> None:
        """Append what a school day, or a part of it, brings."""
        self._day += 1
        with self._connection:
            self._connection.executemany(
                "INSERT INTO marks (pupil, subject, value, day, remark) VALUES (?, ?, ?, ?, ?)",
                (
                    (self._of(PUPILS), self._of(12), self._of(41) / 2, self._day, self._text(self._of(4)))
                    for _ in range(int(self._marks * part))
                ),
            )
            self._connection.executemany(
                "INSERT INTO absences (pupil, day, first, last, reason) VALUES (?, ?, ?, ?, ?)",
                (
                    (self._of(PUPILS), self._day, self._of(5), 5 + self._of(5), self._text(2))
                    for _ in range(int(ABSENCES_A_DAY * part))
                ),
            )
            self._connection.executemany(
                "INSERT INTO homework (class, subject, day, task) VALUES (?, ?, ?, ?)",
                (
                    (self._of(CLASSES), self._of(12), self._day, self._text(12 + self._of(20)))
                    for _ in range(int(HOMEWORK_A_DAY * part))
                ),
            )

    def rewrite(self, share: float) -> None:
        """Change rows at random.

        Args:
            share: of all rows of every table.
        """
        with self._connection:
            for table, statement in _CHANGES.items():
                (last,) = self._connection.execute(f"SELECT max(id) FROM {table}").fetchone()  # noqa: S608 - our names
                rows = self._random.sample(range(last + 1), max(1, int(last * share)))
                self._connection.executemany(statement, ((self._text(3), row) for row in rows))

    def checkpoint(self, folder: Path) -> Path:
        """Copy the base as the server does for a snapshot, by SQLite's online backup; return the folder."""
        folder.mkdir(exist_ok=True)
        copy = sqlite3.connect(folder / "base.sqlite")
        with copy:
            self._connection.backup(copy)
        copy.close()
        return folder

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _of(self, count: int) -> int:
        return self._random.randrange(count)

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=words)) + f" {self._random.getrandbits(24):x}"


def changed_pages(before: Path, after: Path) -> Iterator[bytes]:
    """The pages of a base that are not at the same place in an earlier copy of it."""
    with before.open("rb") as old, after.open("rb") as new:
        while page := new.read(4096):
            if page != old.read(4096):
                yield page
