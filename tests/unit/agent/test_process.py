"""The agent as a process: start, logs, memory, SIGTERM, settings."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pronote_operator.agent.settings import AgentSettings
from tests.unit.agent.conftest import TOKEN, write_certificate

RESIDENT_MEGABYTES = 48
"""Measured 39 MB; the margin is for other builds of Python and OpenSSL."""


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def agent_process(tmp_path: Path, **changes: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An agent without a server; its port of the probes."""
    write_certificate(tmp_path / "tls", "agent")
    (tmp_path / "token").write_text(TOKEN)
    probe_port, admin_port, nothing = free_ports(3)
    environment = {
        "PATH": os.environ["PATH"],
        "PRONOTE_ADMIN_URL": f"http://127.0.0.1:{nothing}",
        "PRONOTE_AGENT_TOKEN_FILE": str(tmp_path / "token"),
        "PRONOTE_TLS": str(tmp_path / "tls"),
        "PRONOTE_UAI": "0750654D",
        "PRONOTE_AGENT_HOST": "127.0.0.1",
        "PRONOTE_AGENT_PROBE_PORT": str(probe_port),
        "PRONOTE_AGENT_ADMIN_PORT": str(admin_port),
        **changes,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pronote_operator.agent.main"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, probe_port
    finally:
        process.kill()
        process.communicate()


def get(port: int, path: str) -> int:
    """The status of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def wait_until_live(process: subprocess.Popen[str], port: int) -> None:
    """Wait until the agent answers."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert get(port, "/livez") == 200
        except urllib.error.URLError:
            assert process.poll() is None
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the agent does not answer")


def test_a_small_idle_process_that_ends_at_once_on_sigterm(tmp_path: Path) -> None:
    with agent_process(tmp_path) as (process, port):
        wait_until_live(process, port)
        for _ in range(20):
            assert get(port, "/readyz") == 503
            assert get(port, "/metrics") == 200
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
        assert resident < RESIDENT_MEGABYTES
        before = cpu_ticks(process.pid)
        time.sleep(1)
        assert cpu_ticks(process.pid) - before <= 1
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=5)
        assert process.returncode == 0
        assert time.monotonic() - began < 1
    lines = [json.loads(line) for line in log.splitlines()]
    assert {line["uai"] for line in lines} == {"0750654D"}
    assert {"Serving", "Stopping"} <= {line["message"] for line in lines}
    assert TOKEN not in log


def cpu_ticks(pid: int) -> int:
    """CPU time that a process used, in ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize(
    ("name", "value"),
    [("PRONOTE_UAI", ""), ("PRONOTE_AGENT_PROBE_PORT", "http"), ("PRONOTE_AGENT_ADMIN_PORT", "0")],
)
def test_bad_settings_are_named(tmp_path: Path, name: str, value: str) -> None:
    with agent_process(tmp_path, **{name: value}) as (process, _):
        _, log = process.communicate(timeout=10)
    assert process.returncode == 64
    assert name in json.loads(log)["message"]


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with agent_process(tmp_path, PRONOTE_AGENT_ADMIN_PORT=port) as (process, _):
            _, log = process.communicate(timeout=10)
    assert process.returncode == 71
    assert port in log


def test_the_defaults_are_the_contracts() -> None:
    settings = AgentSettings.from_environment({"PRONOTE_UAI": "0750654D"})
    assert settings.admin_url == "http://127.0.0.1:8081"
    assert (settings.probe_port, settings.admin_port) == (8080, 8443)
    assert settings.token_file == Path("/etc/pronote/agent/token")
    assert settings.tls_folder == Path("/etc/pronote/tls")
