"""Bases of past years: of whichever schema, they are read as today's, and never change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest

from pronote_server.config import BaseConfig
from pronote_server.errors import StartError
from pronote_server.espaces import Espace
from pronote_server.storage import school, statements, users
from pronote_server.storage.connection import connect, migrate, write_transaction
from pronote_server.storage.kept import KeptBase, KeptBaseUnusable, kept_years, open_kept
from pronote_server.words import Mode

if TYPE_CHECKING:
    from pathlib import Path

UAI = "0750654D"
VERSIONS = range(1, statements.SCHEMA_VERSION + 1)


def config_of(folder: Path, school_year: int = 2025) -> BaseConfig:
    return BaseConfig(folder / str(school_year), school_year, UAI, "2026.2.5")


def make(config: BaseConfig, version: int, *, log: bool = False) -> None:
    """A base as a server of that schema left it, with a user, and a pupil where there were any.

    Args:
        log: the user is in the log only: the server was killed.
    """
    config.folder.mkdir(parents=True)
    source = config.folder / "made.sqlite"
    with closing(connect(source, create=True)) as base:
        base.execute(statements.WRITE_APPLICATION_ID)
        base.execute(statements.USE_WAL)
        for step in range(version):
            for statement in statements.MIGRATIONS[step]:
                base.execute(statement)
        base.execute(statements.WRITE_SCHEMA_VERSION.format(version=version))
        values = {"uai": UAI, "school_year": config.school_year, "slot_minutes": 60, "day_start": "08:00"}
        base.execute(statements.INSERT_BASE, values | {"day_end": "18:00", "version": "2025.2.1", "time": "t"})
        base.execute(statements.EMPTY_WAL)
        base.execute(
            "INSERT INTO users (username, username_key, password_hash, superadministrator, locked, created_time) "
            "VALUES ('Durand', 'durand', 'hash', 0, 0, 't')"
        )
        base.execute("INSERT INTO user_modes VALUES (1, 'enseignant')")
        if version >= 2:
            base.execute("INSERT INTO classes VALUES (1, '6A')")
            base.execute(
                "INSERT INTO pupils (id, national_id, last_name, first_name, birth_date, class_id) "
                "VALUES (1, '000000001AB', 'Petit', 'Zoé', '2014-05-31', 1)"
            )
            base.execute(
                "INSERT INTO marks (pupil_id, subject, given_date, value_hundredths, out_of_hundredths, "
                "coefficient_hundredths) VALUES (1, 'Maths', '2025-10-01', 1200, 2000, 100)"
            )
        if log:
            config.base_path.with_name("base.sqlite-wal").write_bytes(source.with_name("made.sqlite-wal").read_bytes())
        else:
            base.execute(statements.EMPTY_WAL)
        config.base_path.write_bytes(source.read_bytes())
    source.unlink()


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_base_of_any_schema_is_read_as_todays_and_does_not_change(tmp_path: Path, version: int, log: bool) -> None:
    config = config_of(tmp_path)
    make(config, version, log=log)
    before = config.base_path.read_bytes()
    with closing(open_kept(config)) as base:
        user = users.find_user(base, "durand")
        assert user is not None
        assert (user.username, set(user.modes)) == ("Durand", {Mode.ENSEIGNANT})
        assert user.verifier is None
        assert user.espaces == ({Espace.PROFESSEURS} if version < 4 else set())
        assert users.find_user_by_id(base, 1) == user
        assert [pupil.last_name for pupil in school.list_pupils(base, 0, 9)] == (["Petit"] if version >= 2 else [])
        assert school.list_absences(base, 0, 9) == []
        with pytest.raises(sqlite3.OperationalError, match=r"readonly|query_only"), write_transaction(base):
            base.execute("UPDATE main.users SET locked = 1")
    assert config.base_path.read_bytes() == before
    if not log:
        assert [path.name for path in config.folder.iterdir()] == ["base.sqlite"]


def _columns(base: sqlite3.Connection, table: str) -> set[str]:
    # As it is named in a statement: the temporary one first.
    return {column[0] for column in base.execute(f"SELECT * FROM {table}").description}  # noqa: S608 (a table's name)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_table_and_column_of_today_is_there(tmp_path: Path, version: int) -> None:
    make(config_of(tmp_path), version)
    today = config_of(tmp_path / "today")
    today.folder.mkdir(parents=True)
    with closing(connect(today.base_path, create=True)) as newest, closing(open_kept(config_of(tmp_path))) as kept:
        migrate(newest)
        tables = [name for (name,) in newest.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        tables = [name for name in tables if not name.startswith("sqlite_")]
        assert len(tables) > 10
        for table in tables:
            assert _columns(kept, table) == _columns(newest, table), table


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_what_a_migration_computes_is_computed(tmp_path: Path, version: int) -> None:
    make(config_of(tmp_path), version)
    with closing(open_kept(config_of(tmp_path))) as base:
        weeks = (date(2025, 10, 1) - date(2000, 1, 3)).days // 7
        assert base.execute("SELECT week FROM marks").fetchone() == (weeks,)


def test_a_base_of_a_newer_server_of_another_school_or_of_another_year_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    make(config, statements.SCHEMA_VERSION)
    with pytest.raises(StartError, match="another school"):
        open_kept(BaseConfig(config.folder, 2025, "0210066H", "1"))
    with pytest.raises(StartError, match="another school"):
        open_kept(BaseConfig(config.folder, 2024, UAI, "1"))
    with closing(connect(config.base_path)) as base:
        base.execute(statements.WRITE_SCHEMA_VERSION.format(version=statements.SCHEMA_VERSION + 1))
    with pytest.raises(StartError, match="newer version"):
        open_kept(config)


def test_only_past_years_with_a_base_are_kept(tmp_path: Path) -> None:
    for name in ("2023", "2024", "2025", "2026", "2027", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "base.sqlite").touch()
    (tmp_path / "2024/base.sqlite").unlink()
    (tmp_path / "2022").mkdir()
    assert kept_years(tmp_path, 2026) == (2025, 2023)


async def test_a_base_that_is_none_says_so_each_time_it_is_opened(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.folder.mkdir()
    config.base_path.write_bytes(b"no base" * 1000)
    kept = KeptBase(config)
    for _ in range(2):
        with pytest.raises(KeptBaseUnusable):
            await kept.open()
    kept.close()


async def test_a_kept_base_is_read_in_a_thread_of_its_own(tmp_path: Path) -> None:
    make(config_of(tmp_path), 2)
    kept = KeptBase(config_of(tmp_path))
    assert await kept.read(school.count_pupils) == 1
    kept.close()
