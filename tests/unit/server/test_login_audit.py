"""Logins of one moment share a write; each of them is told only once its line is on disk."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pronote_server.audit import LoginAudit
from pronote_server.config import BaseConfig
from pronote_server.storage import audit
from pronote_server.storage.audit import Login
from pronote_server.storage.connection import connect
from pronote_server.storage.create import ensure_base
from pronote_server.storage.database import Database
from pronote_server.words import Application, LoginResult, Mode

KEEP_RECORDING = """
import asyncio, itertools, sys
from pathlib import Path
from pronote_server.audit import LoginAudit
from pronote_server.config import BaseConfig
from pronote_server.storage.audit import Login
from pronote_server.storage.database import Database
from pronote_server.words import Application, LoginResult, Mode

async def main():
    base = Database(BaseConfig(Path(sys.argv[1]), 2026, "0750654D", "1"))
    logins, numbers = LoginAudit(), itertools.count(1)

    async def one():
        while True:
            number = next(numbers)
            login = Login(number, None, Application.CLIENT, Mode.ENSEIGNANT, LoginResult.SUCCESS, "192.0.2.1")
            await logins.record(base, login)
            print(number, flush=True)

    await asyncio.gather(*(one() for _ in range(20)))

asyncio.run(main())
"""


@pytest.fixture
def config(tmp_path: Path) -> BaseConfig:
    folder = tmp_path / "2026"
    folder.mkdir()
    request = {"kind": "empty", "uai": "0750654D", "schoolYear": 2026, "slotMinutes": 60}
    (folder / "new-base.json").write_text(json.dumps(request | {"dayStart": "08:00", "dayEnd": "18:00"}))
    found = BaseConfig(folder, 2026, "0750654D", "1")
    ensure_base(found)
    return found


def login(number: int) -> Login:
    return Login(number, None, Application.CLIENT, Mode.ENSEIGNANT, LoginResult.SUCCESS, "192.0.2.1")


def times(config: BaseConfig) -> list[int]:
    """When the logins were, as another connection finds them."""
    with closing(connect(config.base_path)) as connection:
        return [time for (time,) in connection.execute("SELECT time FROM login_audit ORDER BY id")]


async def test_logins_that_come_while_one_is_written_are_written_together(
    config: BaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    record = audit.record_logins

    def counting(connection: sqlite3.Connection, logins: list[Login]) -> None:
        groups.append(len(logins))
        record(connection, logins)

    monkeypatch.setattr(audit, "record_logins", counting)
    base, logins = Database(config), LoginAudit()
    await asyncio.gather(*(logins.record(base, login(number)) for number in range(100)))
    await logins.record(base, login(100))
    assert sum(groups) == 101
    assert len(groups) <= 3
    assert times(config) == list(range(101))
    base.close()


async def test_a_login_is_readable_by_others_when_it_is_told(config: BaseConfig) -> None:
    base, logins = Database(config), LoginAudit()

    async def one(number: int) -> None:
        await logins.record(base, login(number))
        assert number in times(config)

    for start in range(0, 40, 10):
        await asyncio.gather(*(one(number) for number in range(start, start + 10)))
    base.close()


def test_told_logins_outlive_a_kill(config: BaseConfig) -> None:
    chance = random.Random(11)
    for _ in range(2):
        words = [sys.executable, "-c", KEEP_RECORDING, str(config.folder)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told = [int(process.stdout.readline()) for _ in range(chance.randrange(40, 200))]
            process.kill()
            told += [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        assert set(told) <= set(times(config))


async def test_every_login_of_a_write_that_fails_is_told_so_and_the_next_is_written(
    config: BaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = audit.record_logins

    def fail(_connection: sqlite3.Connection, _logins: list[Login]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    base, logins = Database(config), LoginAudit()
    monkeypatch.setattr(audit, "record_logins", fail)
    found = await asyncio.gather(*(logins.record(base, login(number)) for number in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [sqlite3.OperationalError] * 3
    monkeypatch.setattr(audit, "record_logins", record)
    await logins.record(base, login(7))
    assert times(config) == [7]
    base.close()


async def test_who_no_longer_waits_is_written_with_the_others(config: BaseConfig) -> None:
    base, logins = Database(config), LoginAudit()
    waiting = [asyncio.create_task(logins.record(base, login(number))) for number in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[3].cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in found] == [True, False, False, True, False]
    assert times(config) == list(range(5))
    base.close()
