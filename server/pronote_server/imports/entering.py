"""Enters what the files say into the base, in the caller's transaction, and counts what that changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_server.imports import heading
from pronote_server.imports import statements as sql
from pronote_server.storage import statements
from pronote_server.storage.identities import PersonKind

if TYPE_CHECKING:
    import sqlite3

    from pronote_server.imports.parsing import PersonRecord, PupilRecord, Siecle, Sts

NATIONAL_ID: Final = re.compile(r"[0-9A-Z]{11}")


@dataclass
class Count:
    """What became of the records of a kind."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: int = 0


Counts = dict[str, Count]


def enter_sts(connection: sqlite3.Connection, found: Sts) -> Counts:
    """Enter classes, subjects that are taught, teachers, staff and services."""
    counts: Counts = {kind: Count() for kind in ("classes", "subjects", "teachers", "staff", "services")}
    if found.first_day is not None and found.last_day is not None and found.first_day < found.last_day:
        # Not when there is a timetable: its weeks are counted from the day that is there.
        connection.execute(sql.INSERT_CALENDAR, (found.first_day.isoformat(), found.last_day.isoformat()))
    for name in dict.fromkeys(found.classes):
        _class(connection, name, counts["classes"])
    for code in sorted({service[1] for service in found.services}):
        _subject(connection, code, found.subjects[code], counts["subjects"])
    teaching = {service[2] for service in found.services}
    for person in found.people:
        teaches = person.teaches or person.external_id in teaching
        kind, what = (PersonKind.TEACHER, "teachers") if teaches else (PersonKind.STAFF, "staff")
        _person(connection, kind, person, counts[what])
    _services(connection, found, counts["services"])
    return counts


def _services(connection: sqlite3.Connection, found: Sts, count: Count) -> None:
    wanted = set()
    for class_name, code, teacher in found.services:
        wanted.add(connection.execute(sql.SELECT_SERVICE_KEYS, (class_name, code, teacher)).fetchone())
    present = set()
    for name in dict.fromkeys(found.classes):
        present.update(connection.execute(sql.SELECT_SERVICES, (name,)).fetchall())
    connection.executemany(sql.DELETE_SERVICE, sorted(present - wanted))
    connection.executemany(sql.INSERT_SERVICE, sorted(wanted - present))
    count.added, count.removed, count.unchanged = (
        len(wanted - present),
        len(present - wanted),
        len(present & wanted),
    )


def enter_siecle(connection: sqlite3.Connection, found: Siecle) -> Counts:
    """Enter what was given of classes, names of subjects, pupils and guardians."""
    counts: Counts = {}
    if heading.NOMENCLATURES in found.kinds:
        counts["subjects"] = Count()
        for code, name in found.subjects.items():
            # The nomenclature lists every subject of the country: only those that the base has are renamed.
            if connection.execute(sql.SELECT_SUBJECT_BY_CODE, (code,)).fetchone() is not None:
                _subject(connection, code, name, counts["subjects"])
    if heading.STRUCTURES in found.kinds or heading.PUPILS in found.kinds:
        counts["classes"] = Count()
        for name in sorted({*found.classes, *found.class_of.values()}):
            _class(connection, name, counts["classes"])
    if heading.PUPILS in found.kinds:
        counts["pupils"], counts["pupils who have left"] = Count(), Count()
        counts["pupils without national number"] = Count()
        for pupil in found.pupils:
            if pupil.siecle_id not in found.class_of:
                counts["pupils who have left"].skipped += 1
            elif not NATIONAL_ID.fullmatch(pupil.national_id):
                counts["pupils without national number"].skipped += 1
            else:
                _pupil(connection, pupil, found, counts["pupils"])
    if heading.GUARDIANS in found.kinds:
        _guardians(connection, found, counts)
    return counts


def _guardians(connection: sqlite3.Connection, found: Siecle, counts: Counts) -> None:
    counts["guardians"], counts["links"] = Count(), Count()
    pupils = dict(connection.execute(sql.SELECT_SIECLE_PUPILS).fetchall())
    links = [link for link in found.links if link.siecle_id in pupils and link.external_id in found.guardians]
    counts["links"].skipped = len(found.links) - len(links)
    wanted_people = {link.external_id for link in links}
    counts["guardians"].skipped = len(found.guardians) - len(wanted_people)
    rows = {}
    for external_id in sorted(wanted_people):
        person, address = found.guardians[external_id]
        postal_code = found.guardian_postal_codes.get(address) or None
        rows[external_id] = _person(connection, PersonKind.GUARDIAN, person, counts["guardians"], postal_code)
    wanted = {(rows[link.external_id], pupils[link.siecle_id]): (link.relation, link.legal_level) for link in links}
    present = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(sql.SELECT_SIECLE_LINKS)}
    # Who is a guardian no longer must not see the child any longer.
    gone = sorted(present.keys() - wanted.keys())
    connection.executemany(sql.DELETE_LINK, gone)
    for key, what in wanted.items():
        _tally(counts["links"], present.get(key), what)
        if present.get(key) != what:
            connection.execute(sql.MERGE_LINK, (*key, *what))
    counts["links"].removed = len(gone)


def _tally(count: Count, present: object, wanted: object) -> None:
    if present is None:
        count.added += 1
    elif present == wanted:
        count.unchanged += 1
    else:
        count.changed += 1


def _class(connection: sqlite3.Connection, name: str, count: Count) -> None:
    added = connection.execute(statements.INSERT_CLASS, (name,)).rowcount
    count.added += added
    count.unchanged += 1 - added


def _subject(connection: sqlite3.Connection, code: str, name: str, count: Count) -> None:
    holder = connection.execute(sql.SELECT_SUBJECT_BY_NAME, (name,)).fetchone()
    if holder is not None and holder[1] not in (None, code):
        name = f"{name} ({code})"
    row = connection.execute(sql.SELECT_SUBJECT_BY_CODE, (code,)).fetchone()
    if row is None and holder is not None and holder[1] is None:
        connection.execute(sql.UPDATE_SUBJECT_CODE, (code, holder[0]))
        count.changed += 1
        return
    _tally(count, None if row is None else row[1], name)
    if row is None:
        connection.execute(sql.INSERT_SUBJECT, (name, code))
    elif row[1] != name:
        connection.execute(sql.RENAME_SUBJECT, (name, row[0]))
        for statement in sql.RENAME_IN_RECORDS:
            connection.execute(statement, (name, row[1]))


def _person(
    connection: sqlite3.Connection,
    kind: PersonKind,
    person: PersonRecord,
    count: Count,
    postal_code: str | None = None,
) -> int:
    born = None if person.birth_date is None else person.birth_date.isoformat()
    wanted = (person.last_name, person.first_name, born, postal_code)
    row = connection.execute(sql.SELECT_PERSON, (kind.value, person.external_id)).fetchone()
    _tally(count, None if row is None else tuple(row[1:]), wanted)
    if row is None:
        (key,) = connection.execute(sql.INSERT_PERSON, (*wanted, kind.value, person.external_id)).fetchone()
        return int(key)
    if tuple(row[1:]) != wanted:
        connection.execute(sql.UPDATE_PERSON, (*wanted, row[0]))
    return int(row[0])


def _pupil(connection: sqlite3.Connection, pupil: PupilRecord, found: Siecle, count: Count) -> None:
    class_name = found.class_of[pupil.siecle_id]
    row = connection.execute(sql.SELECT_PUPIL, (pupil.siecle_id, pupil.national_id)).fetchone()
    # A file without addresses does not take away those that are known.
    known = None if row is None else row[7]
    postal_code = found.pupil_postal_codes.get(pupil.address_id) or known
    wanted = (
        pupil.siecle_id,
        pupil.national_id,
        pupil.last_name,
        pupil.first_name,
        pupil.birth_date.isoformat(),
        class_name,
        postal_code,
    )
    _tally(count, None if row is None else tuple(row[1:]), wanted)
    if row is None:
        connection.execute(sql.INSERT_PUPIL, wanted)
    elif tuple(row[1:]) != wanted:
        connection.execute(sql.UPDATE_PUPIL, (*wanted, row[0]))
