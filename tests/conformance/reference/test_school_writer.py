"""The program that proves what snapshots hold: what it says was acknowledged was, across restarts of the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import wait_until
from tests.support.school_client import Door, Login, SchoolClient
from tests.support.school_writer import Written, acknowledged, longest_gap, percentile, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.harness import Server

ROOT = Path(__file__).parents[3]
PASSWORD = "Bonjour-Monde-42"
HEADER = "nationalId,lastName,firstName,birthDate,class\n"


@pytest.fixture
def school(running: Server, add_user: Callable[..., None]) -> Server:
    """A server with pupils and somebody who calls the roll."""
    add_user(running, "surveillante", PASSWORD, "--mode", "vie-scolaire")
    file = running.volume.root / "pupils.csv"
    lines = [f"{n:09d}AB,Nom{n},Prénom{n},2014-05-31,6A\n" for n in range(30)]
    file.write_text(HEADER + "".join(lines), encoding="utf-8")
    program = Path(sys.executable).with_name("pronote-server")
    subprocess.run([program, "pupil", "import", file], env=running.environment, check=True, capture_output=True)
    return running


def _start(school: Server, output: Path, seconds: float, password: str = PASSWORD) -> subprocess.Popen[str]:
    words = {
        "--connect": f"127.0.0.1:{school.client_port}",
        "--host": "localhost",
        "--ca": str(school.volume.tls / "ca.crt"),
        "--username": "surveillante",
        "--clients": "6",
        "--seconds": str(seconds),
        "--pause": "0.02",
        "--output": str(output),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.school_writer", *(word for pair in words.items() for word in pair)],
        env={**os.environ, "SCHOOL_WRITER_PASSWORD": password},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def _count(output: Path) -> int:
    return len(acknowledged(written(output))) if output.exists() else 0


def test_what_was_acknowledged_is_there_after_kill_and_restart(school: Server, tmp_path: Path) -> None:
    output = tmp_path / "written.jsonl"
    writer = _start(school, output, 240)
    try:
        wait_until(lambda: _count(output) > 40, 60, "the first absences")
        school.kill()
        killed = time.time()
        school.start()
        wait_until(lambda: any(row.sentTime > killed for row in acknowledged(written(output))), 60, "going on")
        wait_until(lambda: _count(output) > 80, 60, "further absences")
    finally:
        writer.send_signal(signal.SIGTERM)
        _, errors = writer.communicate(timeout=20)
    assert (writer.returncode, errors) == (0, "")
    rows = written(output)
    good = acknowledged(rows)
    client = SchoolClient(
        Door("localhost", ("127.0.0.1", school.client_port), school.volume.tls / "ca.crt"),
        Login("surveillante", PASSWORD),
    )
    present = {absence["id"]: absence for absence in client.absences()}
    client.close()
    assert {row.id: row.text for row in good} == {
        number: absence["reason"] for number, absence in present.items() if number in {row.id for row in good}
    }
    assert len({row.id for row in good}) == len(good)
    unanswered = {row.text for row in rows if row.result == "unanswered"}
    refused = {row.text for row in rows if row.result == "refused"}
    extra = {absence["reason"] for absence in present.values()} - {row.text for row in good}
    assert extra <= unanswered
    assert not refused & {absence["reason"] for absence in present.values()}
    assert len({row.client for row in good}) == 6
    assert 0 < longest_gap(rows) < 30
    assert all(row.latency == pytest.approx(row.answered - row.sent) for row in rows)


def test_it_ends_in_time_and_does_not_hammer_a_server_that_refuses_it(school: Server, tmp_path: Path) -> None:
    begun = time.monotonic()
    writer = _start(school, tmp_path / "a.jsonl", 1)
    assert writer.wait(20) == 0
    assert writer.stderr is not None
    writer.stderr.close()
    assert 1 <= time.monotonic() - begun < 15
    assert _count(tmp_path / "a.jsonl") > 0
    writer = _start(school, tmp_path / "b.jsonl", 60, "wrong")
    _, errors = writer.communicate(timeout=20)
    assert writer.returncode == 1
    assert "not admitted: 401 WrongCredentials" in errors
    assert school.metric("pronote_logins_total", mode="vie-scolaire", result="refused") <= 6


def test_percentiles_and_gaps() -> None:
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0, 0.34, 0.5, 0.99, 1)] == [1, 2, 2, 3, 3]
    assert percentile([float(number) for number in range(1, 101)], 0.99) == 99
    rows = [Written("acknowledged", 0, "", 1, 0, 0, 0, answered, 0) for answered in (5.0, 1.0, 2.0)]
    assert longest_gap([*rows, Written("refused", 0, "", 1, 0, 0, 0, 3.5, 0)]) == 3
    assert longest_gap(rows[:1]) == 0
