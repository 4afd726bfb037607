"""A Prometheus as Debian packages it, on loopback, for the length of a test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from local_cluster.paths import State, default_state
from tests.support.ports import free_port
from tests.support.waiting import wait_until

READY_SECONDS = 30.0
SCRAPE_SECONDS = 1
"""Between two scrapes: tests do not want to wait."""

Sample = tuple[dict[str, str], float]
"""Labels and value."""


def prometheus() -> str:
    """Path of the program: the one on PATH, else the one that the local cluster fetched.

    Raises:
        AssertionError: there is none; the message says where to get it.
    """
    fetched = State(default_state()).bin / "prometheus"
    found = str(fetched) if fetched.exists() else shutil.which("prometheus")
    assert found, "prometheus is missing: `python -m local_cluster build --with prometheus` fetches it"
    return found


@dataclass(frozen=True)
class Prometheus:
    """One that runs.

    Args:
        url: of its API.
        log: what it says.
    """

    url: str
    log: Path

    def query(self, expression: str) -> list[Sample]:
        """The value of an instant expression now, by labels.

        Raises:
            httpx.HTTPError: it is not understood, or there is no answer.
        """
        return [(each["metric"], float(each["value"][1])) for each in self._get("query", query=expression)["result"]]

    def value(self, expression: str) -> float | None:
        """The only value of an expression; None: it has none.

        Raises:
            AssertionError: it has several.
        """
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def targets(self) -> list[dict[str, Any]]:
        """What is scraped, with `labels`, `health` and `lastError`."""
        active: list[dict[str, Any]] = self._get("targets", state="active")["activeTargets"]
        return active

    def rules(self) -> list[dict[str, Any]]:
        """Groups of rules, with `rules` and their `health` and `lastError`."""
        groups: list[dict[str, Any]] = self._get("rules")["groups"]
        return groups

    def wait_up(self, count: int, timeout: float = 60) -> list[dict[str, Any]]:
        """Wait until there are so many targets, and all are up.

        Raises:
            AssertionError: not in time; says what is wrong with each.
        """

        def up() -> list[dict[str, Any]] | None:
            found = self.targets()
            return found if len(found) == count and all(each["health"] == "up" for each in found) else None

        return wait_until(up, timeout, what=f"{count} targets are up", last=lambda: str(self.targets()), every=0.5)

    def wait_value(self, expression: str, value: float, timeout: float = 30) -> None:
        """Wait until an expression has a value.

        Raises:
            AssertionError: not in time.
        """
        what = f"{expression} is {value:g}"
        last = lambda: str(self.query(expression))  # noqa: E731
        wait_until(lambda: self.value(expression) == value, timeout, what=what, last=last, every=0.5)

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=10, trust_env=False)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


@contextmanager
def scraping(
    folder: Path, scrape_configs: Sequence[Mapping[str, Any]], rule_files: Sequence[Path] = ()
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes what the configurations say.

    Args:
        folder: for its files; the data too, which take a few megabytes.
        scrape_configs: of its configuration file.
        rule_files: rules to evaluate.
    Raises:
        AssertionError: it does not get ready; with what it says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    every = f"{SCRAPE_SECONDS}s"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "scrape_configs": list(scrape_configs),
        "rule_files": [str(path.resolve()) for path in rule_files],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        prometheus(),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = folder / "prometheus.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        running = Prometheus(f"http://127.0.0.1:{port}", log)
        try:
            _wait_ready(running, process)
            yield running
        finally:
            process.terminate()
            process.wait(30)


def _wait_ready(running: Prometheus, process: subprocess.Popen[bytes]) -> None:
    def ready() -> bool:
        assert process.poll() is None, running.log.read_text()
        try:
            return httpx.get(f"{running.url}/-/ready", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(ready, READY_SECONDS, what="Prometheus is ready", last=running.log.read_text, every=0.2)
