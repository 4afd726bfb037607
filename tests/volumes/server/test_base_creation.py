"""The empty base: killed at every step of its making, the next start finds it whole or makes it anew."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pronote_server.config import BaseConfig
from pronote_server.errors import StartError
from pronote_server.storage.create import ensure_base
from pronote_server.storage.database import open_base
from tests.volumes.server.killed import KILLED_AT_STEP

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = {
    "kind": "empty",
    "uai": "0750654D",
    "schoolYear": 2026,
    "slotMinutes": 30,
    "dayStart": "08:00",
    "dayEnd": "18:00",
}


SCRIPT = KILLED_AT_STEP.replace("# WORK", "from pronote_server.storage.create import ensure_base as work")


def _config(folder: Path) -> BaseConfig:
    return BaseConfig(folder, 2026, "0750654D", "2026.2.5")


def _request(folder: Path, **changes: object) -> None:
    (folder / "new-base.json").write_text(json.dumps(REQUEST | changes), encoding="utf-8")


def _make_killed(folder: Path, step: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(step)], capture_output=True, text=True, check=False
    )


def test_killed_at_every_step_the_next_start_has_a_whole_base(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    _request(whole)
    counted = _make_killed(whole, -1)
    assert counted.returncode == 0, counted.stderr
    steps = int(counted.stdout)
    assert steps > 20
    # Every step of the end, where names change, and a sample of the statements before.
    for step in [*range(1, steps - 12, 5), *range(steps - 12, steps + 1)]:
        folder = tmp_path / str(step)
        folder.mkdir()
        _request(folder)
        assert _make_killed(folder, step).returncode == -signal.SIGKILL
        if (folder / "base.sqlite").exists():
            open_base(_config(folder)).close()
        else:
            assert (folder / "new-base.json").exists(), "the request outlives an unfinished base"
        ensure_base(_config(folder))
        connection = open_base(_config(folder))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT slot_minutes, day_start, day_end FROM base").fetchall() == [
            (30, "08:00", "18:00")
        ]
        connection.close()
        assert [path.name for path in folder.iterdir()] == ["base.sqlite"]


def test_a_base_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    _request(tmp_path)
    assert ensure_base(_config(tmp_path))
    before = (tmp_path / "base.sqlite").read_bytes()
    _request(tmp_path, slotMinutes=15)
    assert not ensure_base(_config(tmp_path))
    assert (tmp_path / "base.sqlite").read_bytes() == before


def test_the_log_of_a_base_that_was_moved_away_is_not_replayed(tmp_path: Path) -> None:
    for suffix in ("-wal", "-shm", "-journal"):
        (tmp_path / f"base.sqlite{suffix}").write_bytes(b"of another base")
    _request(tmp_path)
    ensure_base(_config(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["base.sqlite"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "hnot"},
        {"uai": "0210066H"},
        {"schoolYear": 2025},
        {"slotMinutes": 0},
        {"dayStart": "8h"},
        {"dayEnd": "07:00"},
    ],
)
def test_a_request_that_is_not_ours_makes_nothing(tmp_path: Path, change: dict[str, object]) -> None:
    _request(tmp_path, **change)
    with pytest.raises(StartError, match=r"new-base\.json") as caught:
        ensure_base(_config(tmp_path))
    assert caught.value.exit_code == 78
    assert [path.name for path in tmp_path.iterdir()] == ["new-base.json"]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_that_is_no_base_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "base.sqlite").write_bytes(content)
    with pytest.raises(StartError):
        open_base(_config(tmp_path))
    assert (tmp_path / "base.sqlite").read_bytes() == content


def test_a_base_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    _request(tmp_path)
    ensure_base(_config(tmp_path))
    connection = sqlite3.connect(tmp_path / "base.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StartError, match="newer version"):
        open_base(_config(tmp_path))
