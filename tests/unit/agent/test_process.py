"""The agent as a process: start, logs, memory, SIGTERM, settings."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from pronote_operator.agent.settings import AgentSettings
from tests.support.ports import free_port
from tests.unit.agent.conftest import TOKEN, write_certificate

RESIDENT_MEGABYTES = 48
"""Measured 39 MB; the margin is for other builds of Python and OpenSSL."""


@contextmanager
def agent_process(tmp_path: Path, **changes: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An agent without a server; its port of the probes."""
    write_certificate(tmp_path / "tls", "agent")
    (tmp_path / "token").write_text(TOKEN)
    probe_port, admin_port, nothing = free_port(), free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        # The code of this checkout, whatever is installed.
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
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


class SlowSchool(http.server.BaseHTTPRequestHandler):
    """A server's admin API that is ready, and whose checkpoint never ends."""

    asked: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        """Say that it is ready."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        """Take a checkpoint for ever."""
        self.asked.set()
        time.sleep(30)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_sigterm_ends_an_agent_that_waits_for_a_checkpoint(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowSchool)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "key").write_text("correct horse battery staple")
    changes = {
        "PRONOTE_ADMIN_URL": f"http://127.0.0.1:{server.server_port}",
        "PRONOTE_VOLUME": str(tmp_path / "data"),
        "PRONOTE_SNAPSHOTS": str(tmp_path / "snapshots"),
        "PRONOTE_SNAPSHOT_KEY_FILE": str(tmp_path / "key"),
        "PRONOTE_AGENT_ADMIN_PORT": str(free_port()),
    }
    with agent_process(tmp_path, **changes) as (process, port):
        wait_until_live(process, port)
        asking = urllib.request.Request(
            f"https://127.0.0.1:{changes['PRONOTE_AGENT_ADMIN_PORT']}/v1/snapshots",
            data=json.dumps({"name": "sauvegarde-20261124T0800Z", "kind": "Backup"}).encode(),
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        context = ssl._create_unverified_context()  # noqa: S323 - a certificate of this test

        def ask() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                urllib.request.urlopen(asking, context=context, timeout=20).close()  # noqa: S310 - this agent

        threading.Thread(target=ask, daemon=True).start()
        assert SlowSchool.asked.wait(10)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
        assert time.monotonic() - began < 5
    server.shutdown()
    server.server_close()


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
    assert settings.volume == Path("/var/lib/pronote")
    assert settings.snapshots == Path("/var/lib/snapshots")
    assert settings.snapshot_key_file == Path("/etc/pronote/snapshot-key/passphrase")
