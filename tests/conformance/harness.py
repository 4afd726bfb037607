"""Runs a server under instance contract v1: a volume, the mounted files, the environment, the process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conformance.certificates import Authority, new_authority, write_certificate
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

UAI = "0750654D"
YEAR = 2026
HOST = "jean-moulin-client.schools.svc"
SUPERADMIN = ("principale", "Correct-Horse-7-Battery")
START_SECONDS = 30.0


def wait_until(condition: Callable[[], object], seconds: float = 10.0, what: str = "the condition") -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not hold within {seconds} s"
        time.sleep(0.05)


def default_settings() -> dict[str, Any]:
    """Return valid settings."""
    return {
        "displayName": "Collège Jean Moulin",
        "timeZone": "Europe/Paris",
        "managedUais": [],
        "licences": {"administrative": 4, "teachers": 50, "reservedForAdministrators": 1},
        "security": {"ipControl": "Medium", "preferredAddresses": [], "prohibitedAddresses": []},
        "disabledClients": [],
    }


@dataclass
class Volume:
    """What a pod mounts, in a temporary folder."""

    root: Path
    authority: Authority = field(default_factory=new_authority)

    @property
    def year_folder(self) -> Path:
        """Folder of the school year."""
        return self.root / "data" / "years" / str(YEAR)

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.root / "data" / "checkpoints"

    @property
    def tls(self) -> Path:
        """Folder of the certificate."""
        return self.root / "tls"

    @property
    def settings_folder(self) -> Path:
        """Folder mounted from the ConfigMap."""
        return self.root / "settings"

    @property
    def superadmin(self) -> Path:
        """Folder mounted from the superadministrator's Secret."""
        return self.root / "superadmin"

    def prepare(self) -> None:
        """Write what the operator and `prepare` write for a new school."""
        self.year_folder.mkdir(parents=True)
        self.checkpoints.mkdir()
        self.request_base()
        self.write_settings(default_settings())
        self.write_superadmin(*SUPERADMIN)
        write_certificate(self.tls, self.authority, (HOST, "localhost", "127.0.0.1"))

    def request_base(self, school_year: int = YEAR) -> None:
        """Ask for an empty base."""
        folder = self.year_folder.with_name(str(school_year))
        folder.mkdir(exist_ok=True)
        request = {
            "kind": "empty",
            "uai": UAI,
            "schoolYear": school_year,
            "slotMinutes": 60,
            "dayStart": "08:00",
            "dayEnd": "18:00",
        }
        (folder / "new-base.json").write_text(json.dumps(request), encoding="utf-8")

    def write_settings(self, settings: object) -> None:
        """Change the settings as a kubelet does: a new folder behind the `..data` symbolic link."""
        self.write_mounted(self.settings_folder, {"settings.json": json.dumps(settings)})

    def write_superadmin(self, username: str, password: str) -> None:
        """Change the superadministrator as a kubelet does."""
        self.write_mounted(self.superadmin, {"username": username, "password": password})

    @staticmethod
    def write_mounted(folder: Path, files: dict[str, str]) -> None:
        """Replace every file of a mounted ConfigMap or Secret at once."""
        folder.mkdir(parents=True, exist_ok=True)
        content = folder / f"..{time.time_ns()}"
        content.mkdir()
        for name, text in files.items():
            (content / name).write_text(text, encoding="utf-8")
            link = folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        swap = folder / "..data_tmp"
        swap.symlink_to(content.name)
        swap.replace(folder / "..data")


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Server:
    """A server process."""

    command: str
    volume: Volume
    extra: dict[str, str] = field(default_factory=dict)
    client_port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The contract's environment."""
        root = self.volume.root
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # A checkout that is not the installed one.
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            "PRONOTE_DATA": str(root / "data" / "years"),
            "PRONOTE_SCHOOL_YEAR": str(YEAR),
            "PRONOTE_UAI": UAI,
            "PRONOTE_CHECKPOINTS": str(self.volume.checkpoints),
            "PRONOTE_SETTINGS": str(self.volume.settings_folder / "settings.json"),
            "PRONOTE_SUPERADMIN": str(self.volume.superadmin),
            "PRONOTE_TLS": str(self.volume.tls),
            "PRONOTE_CLIENT_PORT": str(self.client_port),
            "PRONOTE_ADMIN_PORT": str(self.admin_port),
            "PRONOTE_VERSION": "2026.2.5",
            **self.extra,
        }

    @property
    def log_path(self) -> Path:
        """What the process writes."""
        return self.volume.root / "server.log"

    @property
    def log(self) -> str:
        """Everything that was written so far."""
        return self.log_path.read_text(encoding="utf-8") if self.log_path.exists() else ""

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process."""
        assert self.process is not None
        return self.process

    def launch(self) -> None:
        """Start the process without waiting for it."""
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                self._words(), env=self.environment, stdout=output, stderr=output, cwd=self.volume.root
            )

    def _words(self) -> list[str]:
        words = shlex.split(self.command)
        return [shutil.which(words[0], path=self.environment["PATH"]) or words[0], *words[1:]]

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            assert self.running.poll() is None, f"the server ended with {self.running.returncode}: {self.log}"
            assert time.monotonic() < deadline, f"the server is not ready: {self.log}"
            time.sleep(0.05)

    def end(self, seconds: float = START_SECONDS) -> int:
        """Wait until the process ends by itself; return the exit code."""
        return self.running.wait(seconds)

    def stop(self, seconds: float = 30.0) -> int:
        """Stop it with SIGTERM; return the exit code."""
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(seconds)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def is_ready(self) -> bool:
        """Tell whether /readyz says so."""
        try:
            return self.admin("GET", "/readyz").status == 200
        except OSError:
            return False

    def admin(self, method: str, path: str, timeout: float = 30.0) -> Answer:
        """Ask the admin API."""
        return _ask(http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=timeout), method, path, {}, None)

    def metric(self, name: str, **labels: str) -> float:
        """Return one sample of the metrics."""
        from prometheus_client.parser import text_string_to_metric_families

        text = self.admin("GET", "/metrics").body.decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        raise AssertionError(f"there is no metric {name} {labels}")

    def tls_context(self) -> ssl.SSLContext:
        """Return a context that trusts this volume's authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.volume.authority.pem)
        return context

    def client(self, method: str, path: str, body: object = None, session: str | None = None) -> Answer:
        """Ask the reference server's Client protocol."""
        connection = http.client.HTTPSConnection("localhost", self.client_port, timeout=30, context=self.tls_context())
        headers = {"authorization": f"Bearer {session}"} if session else {}
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _ask(connection, method, path, headers, content)

    def log_in(
        self,
        username: str = SUPERADMIN[0],
        password: str = SUPERADMIN[1],
        mode: str = "administratif",
        machine: str = "SECRETARIAT-1",
    ) -> Answer:
        """Log in over the reference server's Client protocol."""
        body = {"username": username, "password": password, "mode": mode, "machine": machine}
        return self.client("POST", "/client/v1/login", body)

    def shown_certificate(self) -> bytes:
        """Return the certificate that a new connection is shown, DER; it must be the authority's, for any name."""
        context = self.tls_context()
        context.check_hostname = False
        with (
            socket.create_connection(("127.0.0.1", self.client_port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: bytes | None
) -> Answer:
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(
            response.status, {name.lower(): value for name, value in response.headers.items()}, response.read()
        )
