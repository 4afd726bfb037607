"""The command `pronote-server seed`: fills an empty base with a made-up school, in one transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pronote_server.clock import now_utc, rfc3339
from pronote_server.errors import EXIT_USAGE, StartError
from pronote_server.espaces import Espace
from pronote_server.sealing_key import sealer_of
from pronote_server.seed.accounts import Account, hashes, new_password, user_names, write_accounts
from pronote_server.seed.plan import Grid, School, make_school
from pronote_server.storage import people, people_statements, school, statements, users
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.database import own_base
from pronote_server.storage.identities import PersonKind, display_name
from pronote_server.storage.periods import school_days, trimesters
from pronote_server.storage.verifiers import replace_verifier
from pronote_server.usernames import username_key
from pronote_server.words import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MODES = {
    "Professeurs": frozenset({Mode.ENSEIGNANT}),
    "VieScolaire": frozenset({Mode.VIE_SCOLAIRE}),
    "Direction": frozenset({Mode.ADMINISTRATIF}),
}
"""What the staff may connect as in a Client."""

MIN_LESSON_MINUTES = 45
"""Shorter places of the base's grid are put together to lessons."""


@dataclass(frozen=True)
class Wanted:
    """What to fill the base with.

    Attributes:
        until: Last day of marks and homework; None: today.
        accounts: File to write the accounts into; None: no accounts are made, since nobody would know the passwords.
        accounts_for: Accounts of each kind of person at most; None: all.
    """

    pupils: int
    seed: int
    until: date | None
    accounts: Path | None
    accounts_for: int | None


def seed(environment: Mapping[str, str], wanted: Wanted, progress: Callable[[int, int], None]) -> dict[str, int]:
    """Fill the base; return how many of what it then holds.

    Args:
        environment: Names the base; with `PRONOTE_NET` the accounts can log in by the web protocol at once.
        wanted: What to fill it with.
        progress: Called with the passwords that are hashed and all of them.

    Raises:
        StartError: The base cannot be opened or holds pupils, or the file cannot be written; nothing was changed.
    """
    sealer = sealer_of(environment)
    with own_base(environment) as connection:
        _check_empty(connection)
        made = make_school(wanted.seed, wanted.pupils, _grid(connection), wanted.until or now_utc().date())
        accounts = _accounts(made, wanted.accounts_for) if wanted.accounts else []
        taken = {user.key for user in users.list_users(connection)}
        if any(username_key(account.username) in taken for account in accounts):
            raise StartError("A user of the base bears the name of one that would be made.", EXIT_USAGE)
        hashed = []
        for done, one in enumerate(hashes(accounts), start=1):
            hashed.append(one)
            progress(done, len(accounts))
        written = False
        try:
            with write_transaction(connection):
                _check_empty(connection)
                pupil_ids, person_ids = _write_school(connection, made)
                for account, password_hash in zip(accounts, hashed, strict=True):
                    user_id = _write_account(connection, account, password_hash, pupil_ids, person_ids)
                    if sealer is not None:
                        key = username_key(account.username) or ""
                        sealed = sealer.seal(key, password_hash, account.password)
                        replace_verifier(connection, user_id, password_hash, sealed)
                if wanted.accounts is not None:
                    # Before the commit: a base whose passwords nobody was told would be of no use.
                    write_accounts(wanted.accounts, accounts)
                    written = True
        except OSError as error:
            raise StartError(f"The file of the accounts cannot be written: {error.strerror}.", EXIT_USAGE) from None
        except sqlite3.Error as error:
            if written and wanted.accounts is not None:
                wanted.accounts.unlink(missing_ok=True)
            raise StartError(f"The base cannot be filled: {error}.") from None
    return {
        "pupils": len(made.pupils),
        "classes": len({pupil.class_name for pupil in made.pupils}),
        **{what: sum(one.kind is kind for one in made.people) for kind, what in KINDS.items()},
        "courses": len(made.courses),
        "homework": len(made.homework),
        "marks": len(made.marks),
        "accounts": len(accounts),
    }


KINDS = {PersonKind.GUARDIAN: "guardians", PersonKind.TEACHER: "teachers", PersonKind.STAFF: "staff"}


def _check_empty(connection: sqlite3.Connection) -> None:
    if school.count_pupils(connection):
        raise StartError("The base holds pupils already: only an empty one is filled.", EXIT_USAGE)


def _grid(connection: sqlite3.Connection) -> Grid:
    _, slot, day_start, day_end = connection.execute(statements.SELECT_GRID).fetchone()
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (day_start, day_end))
    minutes = slot * -(-MIN_LESSON_MINUTES // slot)
    starts = tuple(range(first, last - minutes + 1, minutes))
    grid = Grid(*school_days(connection), starts, minutes)
    if len(grid.places) < 15:
        raise StartError("The base's day is too short for a timetable.", EXIT_USAGE)
    return grid


def _accounts(made: School, limit: int | None) -> list[Account]:
    rows: list[tuple[str, str, str, int | None, int | None]] = [
        (pupil.first_name, pupil.last_name, Espace.ELEVES.value, number, None)
        for number, pupil in enumerate(made.pupils[:limit])
    ]
    counts: dict[str, int] = {}
    for number, person in enumerate(made.people):
        counts[person.role] = counts.get(person.role, 0) + 1
        if limit is None or counts[person.role] <= limit:
            rows.append((person.first_name, person.last_name, person.role, None, number))
    names = user_names([(first, last) for first, last, *_ in rows])
    return [
        Account(name, display_name(last, first), role, pupil, person, new_password(name))
        for name, (first, last, role, pupil, person) in zip(names, rows, strict=True)
    ]


def _write_school(connection: sqlite3.Connection, made: School) -> tuple[list[int], list[int]]:
    person_ids = [
        people.add_person(connection, one.kind, one.last_name, one.first_name, postal_code=one.postal_code)
        for one in made.people
    ]
    school.add_pupils(
        connection,
        [
            school.NewPupil(one.national_id, one.last_name, one.first_name, one.birth_date, one.class_name)
            for one in made.pupils
        ],
    )
    pupil_ids = []
    for pupil in made.pupils:
        (pupil_id,) = connection.execute(people_statements.SELECT_PUPIL_ID, (pupil.national_id,)).fetchone()
        pupil_ids.append(pupil_id)
        connection.execute(people_statements.UPDATE_PUPIL_POSTAL_CODE, (pupil.postal_code, pupil_id))
        for guardian, relation in pupil.guardians:
            people.add_guardianship(connection, person_ids[guardian], pupil_id, relation, 1)
    _write_days(connection, made, pupil_ids, person_ids)
    return pupil_ids, person_ids


def _write_days(connection: sqlite3.Connection, made: School, pupil_ids: list[int], person_ids: list[int]) -> None:
    minutes = _grid(connection).minutes
    subject_ids = {
        name: connection.execute(people_statements.INSERT_SUBJECT, (name,)).fetchone()[0]
        for name in sorted({course.subject for course in made.courses})
    }
    class_ids = {
        name: connection.execute(people_statements.SELECT_CLASS_ID, (name,)).fetchone()[0]
        for name in {pupil.class_name for pupil in made.pupils}
    }
    for one in made.courses:
        start = f"{one.start // 60:02d}:{one.start % 60:02d}"
        where = (subject_ids[one.subject], person_ids[one.teacher], class_ids[one.class_name], one.room, one.weeks)
        connection.execute(people_statements.INSERT_COURSE, (one.weekday, start, minutes, *where))
    for period in trimesters(*school_days(connection)):
        dates = period.first_date.isoformat(), period.last_date.isoformat()
        connection.execute(people_statements.INSERT_PERIOD, (period.id, period.name, *dates))
    connection.executemany(
        people_statements.INSERT_MARK,
        ((pupil_ids[pupil], subject, day.isoformat(), *numbers) for pupil, subject, day, *numbers in made.marks),
    )
    connection.executemany(
        people_statements.INSERT_HOMEWORK,
        (
            (class_ids[name], subject, given.isoformat(), due.isoformat(), content)
            for name, subject, given, due, content in made.homework
        ),
    )


def _write_account(
    connection: sqlite3.Connection, account: Account, password_hash: str, pupil_ids: list[int], person_ids: list[int]
) -> int:
    user_id = users.add_user(
        connection,
        account.username,
        username_key(account.username) or "",
        password_hash,
        MODES.get(account.role, frozenset()),
        False,
        rfc3339(now_utc()),
        frozenset({Espace(account.role)}),
    )
    people.add_identity(
        connection,
        user_id,
        pupil_id=None if account.pupil is None else pupil_ids[account.pupil],
        person_id=None if account.person is None else person_ids[account.person],
    )
    return user_id
