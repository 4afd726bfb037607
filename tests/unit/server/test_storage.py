"""The open base: writes outlive a kill, checkpoints are steady while others write, the audit is bounded."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from pronote_server.config import BaseConfig
from pronote_server.errors import StartError
from pronote_server.espaces import Espace
from pronote_server.storage import audit, school, statements, users
from pronote_server.storage.checkpoint import (
    Interrupted,
    NoRoom,
    delete_checkpoint,
    remove_remains,
    write_checkpoint,
)
from pronote_server.storage.connection import connect, write_transaction
from pronote_server.storage.create import ensure_base
from pronote_server.storage.database import Database, open_base
from pronote_server.storage.lock import hold
from pronote_server.words import Application, LoginResult, Mode

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
MODES = frozenset({Mode.ENSEIGNANT})

ADD_USERS = """
import asyncio, sys
from pathlib import Path
from pronote_server.config import BaseConfig
from pronote_server.storage import users
from pronote_server.storage.database import Database
from pronote_server.words import Mode

async def main():
    base = Database(BaseConfig(Path(sys.argv[1]), 2026, "0750654D", "1"))
    for number in range(10**6):
        name = f"u{number:07d}"
        await base.write(users.add_user, name, name, "hash", frozenset({Mode.ENSEIGNANT}), False, "now")
        print(name, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def config(tmp_path: Path) -> BaseConfig:
    """An empty base."""
    folder = tmp_path / "2026"
    folder.mkdir()
    request = {"kind": "empty", "uai": "0750654D", "schoolYear": 2026, "slotMinutes": 60}
    hours = {"dayStart": "08:00", "dayEnd": "18:00"}
    (folder / "new-base.json").write_text(json.dumps(request | hours), encoding="utf-8")
    config = BaseConfig(folder, 2026, "0750654D", "2026.2.5")
    ensure_base(config)
    return config


def _add(connection: sqlite3.Connection, name: str) -> int:
    return users.add_user(connection, name, name, "hash", MODES, False, "now")


def _login(time: int, user_id: int | None) -> audit.Login:
    return audit.Login(time, user_id, Application.CLIENT, Mode.ENSEIGNANT, LoginResult.SUCCESS, "192.0.2.1")


def test_acknowledged_users_outlive_a_kill(config: BaseConfig) -> None:
    chance = random.Random(7)
    acknowledged: set[str] = set()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", ADD_USERS.replace('"u{', f'"{len(acknowledged)}u{{'), str(config.folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        acknowledged.add(process.stdout.readline().strip())
        time.sleep(chance.uniform(0.05, 0.3))
        process.send_signal(signal.SIGKILL)
        acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
        process.wait()
        process.stdout.close()
        connection = open_base(config)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert acknowledged <= {user.username for user in users.list_users(connection)}
        connection.close()
    assert len(acknowledged) > 10


def test_a_checkpoint_shows_one_moment_while_another_connection_writes(config: BaseConfig, tmp_path: Path) -> None:
    writer = open_base(config)
    with write_transaction(writer):
        writer.execute("CREATE TABLE pair (a INTEGER, b INTEGER, filling BLOB)")
        writer.executemany("INSERT INTO pair VALUES (?, ?, randomblob(3000))", [(0, 0)] * 3000)
    stop = threading.Event()
    rounds = meanwhile = 0

    def write() -> None:
        nonlocal rounds
        while not stop.is_set():
            rounds += 1
            with write_transaction(writer):
                writer.execute("UPDATE pair SET a = a + 1 WHERE rowid % 10 = 0")
                writer.execute("UPDATE pair SET b = b + 1 WHERE rowid % 10 = 0")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(4):
            before = rounds
            made = write_checkpoint(config, tmp_path / "checkpoints", datetime.now(UTC), lambda: False)
            meanwhile += rounds - before
            copy = sqlite3.connect(f"file:{made.path}/base.sqlite?immutable=1", uri=True)
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert copy.execute("SELECT count(*) FROM pair WHERE a != b").fetchone() == (0,)
            assert len(copy.execute("SELECT DISTINCT a FROM pair WHERE rowid % 10 = 0").fetchall()) == 1
            copy.close()
    finally:
        stop.set()
        writing.join()
        writer.close()
    # Over all four: on a machine with much to do the writer's thread may get no turn in one of them.
    assert meanwhile > 0, "writers go on meanwhile"


def test_a_checkpoint_describes_itself(config: BaseConfig, tmp_path: Path) -> None:
    made = write_checkpoint(config, tmp_path / "c", NOW, lambda: False)
    assert made.name.startswith("checkpoint-20261124T080000Z-")
    manifest = json.loads((made.path / "manifest.json").read_text(encoding="utf-8"))
    content = (made.path / "base.sqlite").read_bytes()
    assert manifest["files"] == {
        "base.sqlite": {"sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)}
    }
    described = {"uai": "0750654D", "schoolYear": 2026, "version": "2026.2.5", "createdTime": "2026-11-24T08:00:00Z"}
    assert described.items() <= manifest.items()
    assert sorted(path.name for path in made.path.iterdir()) == ["base.sqlite", "manifest.json"]
    assert delete_checkpoint(tmp_path / "c", made.name)
    assert not delete_checkpoint(tmp_path / "c", made.name)


def test_a_checkpoint_that_is_given_up_leaves_nothing(
    config: BaseConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "c"
    with pytest.raises(Interrupted):
        write_checkpoint(config, folder, NOW, lambda: True)
    assert list(folder.iterdir()) == []
    monkeypatch.setattr("pronote_server.storage.checkpoint.ROOM_FACTOR", 1e12)
    with pytest.raises(NoRoom):
        write_checkpoint(config, folder, NOW, lambda: False)
    assert list(folder.iterdir()) == []


def test_only_remains_of_checkpoints_are_removed(tmp_path: Path) -> None:
    whole = "checkpoint-20261124T080000Z-00000000"
    for name in (whole, f"{whole}.partial", "other.partial"):
        (tmp_path / name).mkdir()
    assert remove_remains(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [whole, "other.partial"]
    assert remove_remains(tmp_path / "absent") == 0


@pytest.mark.parametrize("name", ["..", ".", "", "x/../../2026", "checkpoint-20261124T080000Z-00000000/..", "2026"])
def test_only_checkpoints_can_be_deleted(config: BaseConfig, name: str) -> None:
    assert not delete_checkpoint(config.folder.parent, name)
    assert config.base_path.exists()


def test_the_audit_keeps_a_bounded_number_and_addresses_for_a_day(
    config: BaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "AUDIT_ROWS", 20)
    connection = open_base(config)
    with write_transaction(connection):
        user_id = _add(connection, "durand")
        for hour in range(50):
            audit.record_logins(connection, [_login(hour * 3600, user_id)])
    rows = connection.execute("SELECT time / 3600, address FROM login_audit ORDER BY id").fetchall()
    assert [row[0] for row in rows] == list(range(30, 50))
    assert all((address is None) == (hour < 49 - 24) for hour, address in rows)
    with write_transaction(connection):
        audit.purge_audit(connection, 50 * 3600 + audit.ADDRESS_SECONDS)
        assert connection.execute("SELECT count(address) FROM login_audit").fetchone() == (0,)
        assert users.delete_user(connection, "durand")
        assert connection.execute("SELECT count(*), count(user_id) FROM login_audit").fetchone() == (20, 0)
        audit.purge_audit(connection, 50 * 3600 + audit.AUDIT_SECONDS)
        assert connection.execute("SELECT count(*) FROM login_audit").fetchone() == (0,)
    connection.close()


def test_a_login_lets_go_of_what_is_half_a_year_old(config: BaseConfig) -> None:
    connection = open_base(config)
    with write_transaction(connection):
        audit.record_logins(connection, [_login(day * 86400, None) for day in range(3)])
        audit.record_logins(connection, [_login(audit.AUDIT_SECONDS + 86400, None)])
    kept = [day for (day,) in connection.execute("SELECT time / 86400 FROM login_audit ORDER BY id")]
    assert kept == [1, 2, 181]
    connection.close()


def test_a_login_of_a_user_who_was_just_deleted_is_still_written(config: BaseConfig) -> None:
    connection = open_base(config)
    with write_transaction(connection):
        audit.record_logins(connection, [_login(1, 99)])
    assert connection.execute("SELECT user_id FROM login_audit").fetchall() == [(None,)]
    connection.close()


async def test_a_transaction_that_fails_writes_nothing(config: BaseConfig) -> None:
    base = Database(config)
    await base.write(_add, "durand")

    def fail(connection: sqlite3.Connection) -> None:
        _add(connection, "martin")
        _add(connection, "durand")

    with pytest.raises(users.UserExists):
        await base.write(fail)
    found = await base.read(users.find_user, "durand")
    assert found is not None
    assert found.modes == MODES
    assert "hash" not in repr(found)
    assert await base.read(users.find_user, "martin") is None
    base.close()
    assert [path.name for path in config.folder.iterdir()] == ["base.sqlite"]


def test_a_base_is_held_by_one_process(config: BaseConfig) -> None:
    with hold(config.folder), pytest.raises(StartError) as caught, hold(config.folder, patience=0):
        pass
    assert caught.value.exit_code == 75
    with hold(config.folder, patience=0):
        pass


def test_a_base_of_the_first_schema_is_brought_up_to_date_with_what_it_holds(config: BaseConfig) -> None:
    config.base_path.unlink()
    with closing(connect(config.base_path, create=True)) as connection:
        connection.execute(statements.WRITE_APPLICATION_ID)
        with write_transaction(connection):
            for statement in statements.MIGRATIONS[0]:
                connection.execute(statement)
            connection.execute(statements.WRITE_SCHEMA_VERSION.format(version=1))
            values = {"slot_minutes": 60, "day_start": "08:00", "day_end": "18:00", "version": "1", "time": "then"}
            connection.execute(statements.INSERT_BASE, {"uai": "0750654D", "school_year": 2026, **values})
            connection.execute(
                statements.INSERT_USER,
                {"username": "durand", "key": "durand", "password_hash": "h", "superadministrator": 0, "time": "then"},
            )
            connection.execute(statements.INSERT_USER_MODE, (1, Mode.VIE_SCOLAIRE.value))
    with closing(open_base(config)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (statements.SCHEMA_VERSION,)
        (user,) = users.list_users(connection)
        assert (user.username, user.espaces) == ("durand", frozenset({Espace.VIE_SCOLAIRE}))
        assert school.count_pupils(connection) == 0
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        strict = connection.execute("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0").fetchall()
        assert {name for (name,) in strict} == {"sqlite_schema", "sqlite_temp_schema", "sqlite_sequence"}


def test_the_first_schema_never_changes() -> None:
    # Bases in service have it: only a further entry reaches them.
    text = "\0".join(statements.MIGRATIONS[0])
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "d362ec18ad5489a629f3611958fd8369a4d4c2e81b986c505df82f43765966c8"
    )


def test_a_day_of_absences_changes_few_pages(config: BaseConfig, tmp_path: Path) -> None:
    """Snapshots store the pages that changed: rows of one day must lie together, whichever pupils they are of."""
    chance = random.Random(3)
    with closing(open_base(config)) as connection:

        def day(number: int) -> None:
            with write_transaction(connection):
                for _ in range(60):
                    start = number * 86400 + chance.randrange(28800, 64800)
                    school.add_absence(
                        connection, school.NewAbsence(chance.randint(1, 600), start, 55, "Maladie", start)
                    )

        with write_transaction(connection):
            pupils = [
                school.NewPupil(f"{n:011d}", "Nom", "Prénom", date(2014, 5, 31), f"{n // 30}") for n in range(600)
            ]
            school.add_pupils(connection, pupils)
        for number in range(100):
            day(number)
        before = _pages(config, tmp_path / "before")
        day(100)
    after = _pages(config, tmp_path / "after")
    changed = sum(one != other for one, other in zip(before, after, strict=False)) + len(after) - len(before)
    assert len(after) > 80
    assert changed < 15, f"{changed} of {len(after)} pages"


def _pages(config: BaseConfig, folder: Path) -> list[bytes]:
    content = (write_checkpoint(config, folder, NOW, lambda: False).path / "base.sqlite").read_bytes()
    return [content[start : start + 4096] for start in range(0, len(content), 4096)]
