"""A replica of PRONOTE.net as a process, in front of a running server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Self

import requests

from tests.conformance.harness import wait_until
from tests.support.ports import free_port

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.net_server import NetServer

START_SECONDS = 30.0


class Replica:
    """One replica. As a context manager it is started, and stopped at the end.

    Args:
        server: what it stands in front of.
        extra: further variables of its environment.
    """

    def __init__(self, server: NetServer, **extra: str) -> None:
        self.port, self.status_port = free_port(), free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PRONOTE_NET_LISTEN": str(self.port),
            "PRONOTE_NET_STATUS": str(self.status_port),
            "PRONOTE_NET_SERVER": f"https://localhost:{server.net_port}",
            "PRONOTE_NET_TOKEN": str(server.volume.root / "net" / "token"),
            "PRONOTE_NET_CA": str(server.volume.tls / "ca.crt"),
            **extra,
        }
        self.log = server.volume.root / f"replica-{self.port}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.process = self.launch()
        wait_until(self._is_ready, START_SECONDS, "the replica is ready")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process only."""
        words = [sys.executable, "-c", "from pronote_server.main import main; main()", "net"]
        with self.log.open("ab") as log:
            return subprocess.Popen(words, env=self.environment, stdout=log, stderr=log)

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def url(self, path: str = "") -> str:
        """Return the address of a page."""
        return f"http://127.0.0.1:{self.port}/pronote/{path}"

    def status(self, path: str) -> requests.Response:
        """Ask the status port."""
        return requests.get(f"http://127.0.0.1:{self.status_port}{path}", timeout=10)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.status("/readyz").status_code == 200
        except requests.ConnectionError:
            return False
