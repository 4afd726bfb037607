"""``pronote-operator run`` as a process on the machine of the tests, talking to any API server by a kubeconfig."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.ports import free_port
from tests.support.waiting import wait_until

Value = TypeVar("Value")

PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
"""Of the tests' own environment; everything else the operator gets is said."""


class OperatorProcess:
    """One replica. As a context manager it is started, and killed at the end.

    Args:
        kubeconfig: to reach the API server with.
        folder: for the log; one per test.
        name: the pod's name, also of the log file.
        namespace: the operator's own, which holds the Lease.
        settings: of the operator, by their lower-case names: ``{"workers": 4}``.
        command: to run in place of the console script.
    """

    def __init__(
        self,
        kubeconfig: Path,
        folder: Path,
        *,
        name: str = "operator-0",
        namespace: str = "pronote-system",
        settings: Mapping[str, object] | None = None,
        command: tuple[str, ...] | None = None,
    ) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._command = command or (str(Path(sys.executable).parent / "pronote-operator"), "run")
        self.port = free_port()
        given = {"http_port": self.port, "http_host": "127.0.0.1", **(settings or {})}
        self.environment = {
            **{variable: os.environ[variable] for variable in PASSED_ON if variable in os.environ},
            "KUBECONFIG": str(kubeconfig),
            "POD_NAME": name,
            "POD_NAMESPACE": namespace,
            "PYTHONUNBUFFERED": "1",
            **{f"PRONOTE_OPERATOR_{setting.upper()}": str(value) for setting, value in given.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, or start it again; the log goes on in the same file."""
        assert not self.running, f"{self.name} runs already"
        with self.log_path.open("ab") as log:
            # A group of its own: an interrupt of the tests must not stop it before they clean up.
            self._process = subprocess.Popen(
                self._command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended (minus the signal's number when it was killed); None while it runs."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone, with its connections."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait(10)

    def terminate(self, timeout: float = 20) -> float:
        """SIGTERM.

        Args:
            timeout: seconds it may take.

        Returns:
            Seconds that it took.
        """
        began = time.monotonic()
        self._signal(signal.SIGTERM)
        if self._process:
            self._process.wait(timeout)
        return time.monotonic() - began

    def pause(self) -> None:
        """SIGSTOP: it neither works nor notices that time passes."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def wait_for_end(self, timeout: float) -> int:
        """Wait until it ends by itself, within seconds; its exit code."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        raise AssertionError(f"{self.name} still runs after {timeout:g} s\n{self.tail()}")

    def get(self, path: str) -> tuple[int, str]:
        """GET ``/healthz``, ``/readyz`` or ``/metrics``: status and text; status 0 when nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return int(response.status), response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str) -> float | None:
        """The sum of a metric's samples over its labels, None when there is none."""
        text = self.get("/metrics")[1]
        found = re.findall(rf"^{re.escape(name)}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for value in found) if found else None

    def wait_healthy(self, timeout: float = 30) -> None:
        """Wait until ``/healthz`` answers 200."""
        self._wait(lambda: self.get("/healthz")[0] == 200, timeout, "/healthz answers 200")

    def wait_unhealthy(self, timeout: float) -> str:
        """Wait until ``/healthz`` answers 503; what it says."""

        def trouble() -> str | None:
            status, text = self.get("/healthz")
            return text if status == 503 else None

        return self._wait(trouble, timeout, "/healthz answers 503")

    @property
    def leading(self) -> bool:
        """Whether it holds the Lease, by its own word."""
        return self.metric("pronote_operator_leading") == 1

    def wait_leading(self, timeout: float = 30) -> None:
        """Wait until it holds the Lease."""
        self._wait(lambda: self.leading, timeout, "it leads")

    def logs(self) -> list[dict[str, Any]]:
        """The log's lines; one that is no JSON object is given as ``{"raw": line}``."""
        lines = []
        for text in self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []:
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            lines.append(line if isinstance(line, dict) else {"raw": text})
        return lines

    def wait_for_log(self, predicate: Callable[[dict[str, Any]], bool], timeout: float = 30) -> dict[str, Any]:
        """Wait for a line of the log."""
        return self._wait(
            lambda: next((line for line in self.logs() if predicate(line)), None), timeout, "a line of the log"
        )

    def tail(self, lines: int = 20) -> str:
        """The log's end, for messages."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def resident_megabytes(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """CPU time used so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _signal(self, number: signal.Signals) -> None:
        # Popen does not signal a process that it has seen end: no foreign process of that id is hit.
        if self._process:
            self._process.send_signal(number)

    def _wait(self, look: Callable[[], Value | None], timeout: float, what: str) -> Value:
        def look_while_running() -> Value | None:
            assert self.running, f"{self.name} ended with {self.exit_code} before: {what}\n{self.tail()}"
            return look()

        return wait_until(look_while_running, timeout, what=f"{self.name}: {what}", last=self.tail)
