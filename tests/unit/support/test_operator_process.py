"""The operator's process, with a small stand-in for the operator that reads the same environment."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.operator_process import OperatorProcess

STAND_IN = """
import http.server, json, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        healthy = not os.path.exists(os.environ["PRONOTE_OPERATOR_SICK"])
        self.send_response(200 if healthy or self.path == "/metrics" else 503)
        self.end_headers()
        metrics = 'pronote_operator_leading 1.0\\nx_total{a="b"} 2\\nx_total{a="c"} 3\\n'
        self.wfile.write((metrics if self.path == "/metrics" else "said").encode())
    def log_message(self, *arguments):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(json.dumps({"message": "up", "pod": os.environ["POD_NAME"], "workers": os.environ["PRONOTE_OPERATOR_WORKERS"]}),
      flush=True)
print("no json", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PRONOTE_OPERATOR_HTTP_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[OperatorProcess]:
    """A running stand-in."""
    settings = {"workers": 4, "sick": tmp_path / "sick"}
    command = (sys.executable, "-c", STAND_IN)
    with OperatorProcess(tmp_path / "kubeconfig", tmp_path, settings=settings, command=command) as process:
        yield process


def test_health_leadership_metrics_and_logs(operator: OperatorProcess, tmp_path: Path) -> None:
    operator.wait_healthy(10)
    operator.wait_leading(1)
    assert operator.metric("x_total") == 5
    assert operator.metric("y_total") is None
    assert operator.wait_for_log(lambda line: line.get("message") == "up", 1) == {
        "message": "up",
        "pod": "operator-0",
        "workers": "4",
    }
    assert {"raw": "no json"} in operator.logs()
    assert operator.resident_megabytes() > 1
    assert operator.cpu_seconds() >= 0
    (tmp_path / "sick").touch()
    assert operator.wait_unhealthy(1) == "said"


def test_killed_and_started_again_with_the_same_log_and_port(operator: OperatorProcess) -> None:
    operator.wait_healthy(10)
    first = operator.pid
    operator.kill()
    assert (operator.running, operator.exit_code) == (False, -9)
    assert operator.get("/healthz")[0] == 0
    operator.start()
    operator.wait_healthy(10)
    assert operator.pid != first
    assert sum(line.get("message") == "up" for line in operator.logs()) == 2


def test_terminated(operator: OperatorProcess) -> None:
    operator.wait_healthy(10)
    assert operator.terminate(5) < 5
    assert operator.exit_code == 0
    assert operator.wait_for_end(1) == 0


def test_a_paused_process_answers_nothing_until_it_goes_on(operator: OperatorProcess) -> None:
    operator.wait_healthy(10)
    operator.pause()
    with pytest.raises(AssertionError, match="still runs"):
        operator.wait_for_end(0.1)
    operator.resume()
    operator.wait_healthy(10)


def test_an_early_end_is_told_at_once_with_the_log(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)")
    began = time.monotonic()
    with (
        OperatorProcess(tmp_path / "kubeconfig", tmp_path, command=command) as process,
        pytest.raises(AssertionError, match=r"ended with 3 before: /healthz answers 200\s+the reason"),
    ):
        process.wait_healthy(30)
    assert time.monotonic() - began < 10
