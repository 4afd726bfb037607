"""The journal's size over the years, and its last lines on a full volume."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.prepare.journal import COMPACT_BYTES, Journal, read_history, restore_key
from pronote_operator.prepare.report import preparation
from pronote_operator.prepare.restores import open_restore
from tests.volumes.prepare.conftest import Volume


def now() -> str:
    return "2026-11-24T08:00:00.000Z"


def opened(path: Path) -> Journal:
    return Journal(str(path), read_history(str(path)), now)


def write_restore(journal: Journal, request_id: str, *, ended: bool = True) -> None:
    """The lines of a restore."""
    said: dict[str, Any] = {"key": restore_key(request_id), "step": "restore"}
    told = {"requestId": request_id, "snapshot": "archive-20261124T0130Z", "schoolYear": 2026, "safetySnapshot": "s"}
    journal.append("begin", **said, **told)
    journal.append("safety", **said, safetySnapshot="s", message="stored")
    journal.append("swap", **said, keepsAnnexes=False)
    if ended:
        journal.append(
            "end", **said, **told, startedTime=now(), result="Restored", reason="Restored", message="x" * 200
        )


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The journal of a volume with a restore and two sweeps a day for a year, and a restore that is under way."""
    path = tmp_path / "journal.jsonl"
    journal = opened(path)
    journal.append("identity", uai="0750654D", namespace="schools", name="jean-moulin")
    journal.append("begin", key="empty-2026", step="empty", schoolYear=2026)
    journal.append("end", key="empty-2026", step="empty", schoolYear=2026, message="made")
    for day in range(365):
        write_restore(journal, f"day-{day}")
        for _ in range(2):
            journal.append("sweep", removed=["checkpoints/a"], count=1)
    write_restore(journal, "under-way", ended=False)
    journal.close()
    return path


def test_a_large_journal_is_rewritten_and_every_decision_and_report_stays_the_same(old: Path) -> None:
    assert old.stat().st_size > COMPACT_BYTES
    before = read_history(str(old))
    opened(old).close()
    after = read_history(str(old))
    assert old.stat().st_size < COMPACT_BYTES / 3
    assert oct(old.stat().st_mode)[-3:] == "600"
    assert sorted(path.name for path in old.parent.iterdir()) == ["journal.jsonl", "reserve"]
    assert after.uai == before.uai
    assert after.years_made == before.years_made
    assert open_restore(after) == open_restore(before)
    assert after.was_restored(2026)
    for day in range(365):
        assert after.end_of(restore_key(f"day-{day}")) is not None
    assert preparation(after) == preparation(before)


def test_a_journal_whose_rewriting_was_killed_is_the_old_one_or_the_new_one(old: Path) -> None:
    old.with_name("journal.jsonl.new").write_text("half")
    opened(old).close()
    assert read_history(str(old)).uai == "0750654D"
    assert not old.with_name("journal.jsonl.new").exists()


def full_until_the_reserve_is_gone() -> Callable[[int, bytes], int]:
    """A write that finds the volume full, half way, as long as the reserve is there."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        reserve = Path(f"/proc/self/fd/{descriptor}").resolve().with_name("reserve")
        if reserve.exists():
            real(descriptor, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    return write


def test_on_a_full_volume_a_line_takes_the_room_of_the_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = opened(path)
    journal.append("identity", uai="0750654D", namespace="schools", name="jean-moulin")
    with monkeypatch.context() as full:
        full.setattr(os, "write", full_until_the_reserve_is_gone())
        journal.append("sweep", removed=["a"], count=1)
    journal.append("sweep", removed=["b"], count=1)
    journal.close()
    assert [record["event"] for record in read_history(str(path)).records] == ["identity", "sweep", "sweep"]
    assert not (tmp_path / "reserve").exists()
    opened(path).close()
    assert (tmp_path / "reserve").stat().st_size == 16 << 10


def full_half_way(descriptor: int, data: bytes, real: Callable[[int, bytes], int] = os.write) -> int:
    """A write that finds the volume full."""
    real(descriptor, data[: len(data) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def failing(*_: int) -> None:
    """A call that the disk fails."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize(
    ("calls", "reserve"),
    [
        ({"write": full_half_way}, True),
        ({"write": full_half_way}, False),
        ({"fsync": failing}, True),
        ({"write": full_half_way, "ftruncate": failing}, True),
        ({"write": full_half_way, "ftruncate": failing}, False),
    ],
    ids=["full", "full-without-reserve", "not-synced", "not-cut", "not-cut-without-reserve"],
)
def test_of_a_line_that_failed_nothing_stays_before_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: dict[str, Callable[..., Any]], reserve: bool
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = opened(path)
    journal.append("identity", uai="0750654D", namespace="schools", name="jean-moulin")
    if not reserve:
        (tmp_path / "reserve").unlink()
    with monkeypatch.context() as full:
        for name, call in calls.items():
            full.setattr(os, name, call)
        with pytest.raises(OSError, match=r"No space|Input/output"):
            journal.append("sweep", removed=["a"], count=1)
    journal.append("sweep", removed=["b"], count=1)
    journal.close()
    history = read_history(str(path))
    assert not history.torn
    assert [record.get("removed") for record in history.records] == [None, ["b"]]


def test_a_run_with_a_finished_restore_in_its_plan_loads_neither_borgs_side_nor_sqlite(volume: Volume) -> None:
    volume.prepare()
    ended = {"v": 1, "time": now(), "event": "end", "key": "restore-a", "step": "restore", "requestId": "a",
             "snapshot": "archive-20261124T0130Z", "schoolYear": 2026, "safetySnapshot": None, "startedTime": now(),
             "result": "Failed", "reason": "SnapshotMissing", "message": ""}  # fmt: skip
    with volume.journal.open("a") as journal:
        journal.write(json.dumps(ended) + "\n")
    code = (
        "import os, sys; from pronote_operator.prepare import main; assert main.run(os.environ) == 0;"
        "print(*(name for name in ('sqlite3', 'subprocess', 'logging', 'pronote_operator.snapshots')"
        " if name in sys.modules))"
    )
    plan = {
        "plan": "v1", "namespace": "schools", "name": "jean-moulin", "uai": "0750654D", "schoolYear": 2026,
        "source": {"snapshot": {"base": "x", "name": "archive-20261124T0130Z"}},
        "restore": {"requestId": "a", "snapshot": "archive-20261124T0130Z"},
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **volume.environment(plan)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert volume.said["result"] == "Unchanged"
    assert done.stdout.strip() == ""
