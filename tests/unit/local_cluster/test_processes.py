"""Processes are started once, found again, and never mistaken for another that has got their id."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cluster.processes import LOG_LIMIT, Processes, ProcessSpec, start_ticks

SLEEPER = ProcessSpec("sleeper", ["/bin/sleep", "60"])
STUBBORN = ProcessSpec("stubborn", ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"])


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Processes in a folder of their own; what is left of them is killed."""
    made = Processes(tmp_path / "pids", tmp_path / "logs")
    yield made
    for name in made.names():
        made.kill(name)


def test_a_process_is_started_once(processes: Processes) -> None:
    first = processes.start(SLEEPER)
    assert processes.start(SLEEPER) == first
    assert processes.running("sleeper") == first


def test_another_object_finds_the_process_again(processes: Processes, tmp_path: Path) -> None:
    record = processes.start(SLEEPER)
    assert Processes(tmp_path / "pids", tmp_path / "logs").running("sleeper") == record


def test_a_stopped_process_is_gone_when_stop_returns(processes: Processes) -> None:
    record = processes.start(SLEEPER)
    processes.stop("sleeper")
    assert start_ticks(record.pid) is None
    assert processes.names() == []


def test_a_process_that_ignores_the_signal_is_killed_after_a_while(processes: Processes) -> None:
    record = processes.start(STUBBORN)
    while "deaf" not in processes.tail("stubborn"):
        time.sleep(0.01)
    processes.stop("stubborn", patience=0.2)
    assert start_ticks(record.pid) is None


def test_a_killed_process_counts_as_died_and_can_be_started_again(processes: Processes) -> None:
    first = processes.start(SLEEPER)
    processes.kill("sleeper")
    assert processes.running("sleeper") is None
    assert processes.names() == ["sleeper"]
    assert processes.start(SLEEPER).pid != first.pid


@pytest.mark.parametrize("change", [{"start_ticks": 1}, {"boot": "another"}])
def test_a_process_that_has_got_the_id_of_ours_is_not_touched(
    processes: Processes, tmp_path: Path, change: dict[str, object]
) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        record = processes.start(SLEEPER)
        processes.kill("sleeper")
        stored = json.loads((tmp_path / "pids" / "sleeper.json").read_text())
        stored |= {"pid": stranger.pid, "start_ticks": start_ticks(stranger.pid)} | change
        (tmp_path / "pids" / "sleeper.json").write_text(json.dumps(stored))
        assert processes.running("sleeper") is None
        processes.stop("sleeper")
        assert stranger.poll() is None
        assert record.pid != stranger.pid
        stranger.kill()


def test_a_zombie_counts_as_dead() -> None:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while start_ticks(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert start_ticks(pid) is None


def test_a_damaged_record_counts_as_not_running(processes: Processes, tmp_path: Path) -> None:
    processes.start(SLEEPER)
    record = tmp_path / "pids" / "sleeper.json"
    whole = record.read_text()
    for text in ("", "{}", '{"pid": 1}', "[]"):
        record.write_text(text)
        assert processes.running("sleeper") is None
    record.write_text(whole)


def test_a_process_is_current_until_its_arguments_or_its_files_change(processes: Processes, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("a")
    spec = ProcessSpec("sleeper", ["/bin/sleep", "60"], inputs=(config,))
    processes.start(spec)
    assert processes.is_current(spec)
    assert not processes.is_current(ProcessSpec("sleeper", ["/bin/sleep", "61"], inputs=(config,)))
    config.write_text("b")
    assert not processes.is_current(spec)


def test_the_environment_of_a_process_holds_no_proxy_of_the_caller(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    processes.start(ProcessSpec("printer", ["/usr/bin/env"], {"OURS": "1"}))
    assert processes.wait("printer", 5)
    printed = processes.tail("printer", 50)
    assert "OURS=1" in printed
    assert "proxy" not in printed


def test_a_long_log_is_put_aside_at_the_next_start(processes: Processes) -> None:
    log = processes.log("sleeper")
    log.parent.mkdir(parents=True)
    with log.open("wb") as file:
        file.truncate(LOG_LIMIT + 1)
    processes.start(SLEEPER)
    assert log.stat().st_size == 0
    assert log.with_suffix(".log.1").exists()
