"""`pronote-client` against a running server: what it does, what it says, and whom it trusts."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.certificates import new_authority, write_certificate
from tests.conformance.harness import HOST, SUPERADMIN, UAI, default_settings, wait_until
from tests.support.ports import free_port

if TYPE_CHECKING:
    from tests.conformance.harness import Server

USERNAME, PASSWORD = SUPERADMIN


@dataclass
class Client:
    """The program with a profile folder of its own."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command; the password goes to standard input."""
        program = Path(sys.executable).with_name("pronote-client")
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        # A checkout that is not the installed one.
        base |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        return subprocess.run(
            [program, *words],
            env=base | self.environment,
            input=f"{password}\n" if password is not None else "",
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def log_in(self, server: Server, *options: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        """Log the superadministrator in over the loopback."""
        words = ("--mode", "administratif", "--username", USERNAME, "--connect", f"127.0.0.1:{server.client_port}")
        return self.run("login", *words, "--password-stdin", *options, password=password)

    @property
    def folder(self) -> Path:
        """The default profile folder."""
        return self.home / ".config" / "pronote-client"


def parameters(path: Path, ca: str, **changes: object) -> str:
    """Write a parameters file; return its path."""
    document = {
        "format": "pronote-parameters/1",
        "uai": UAI,
        "displayName": "Collège Jean Moulin",
        "host": HOST,
        "port": 49300,
        "caCertificate": ca,
    }
    path.write_text(json.dumps(document | changes), encoding="utf-8")
    return str(path)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """A Client on a machine where nothing was applied yet."""
    home = tmp_path / "home"
    home.mkdir()
    return Client(home)


@pytest.fixture
def ready(client: Client, running: Server, tmp_path: Path) -> Client:
    """A Client with the parameters of the running server."""
    done = client.run("apply-parameters", parameters(tmp_path / "p.json", running.volume.authority.pem))
    assert done.returncode == 0, done.stderr
    return client


def test_from_parameters_to_logout(ready: Client, running: Server) -> None:
    assert ready.log_in(running).returncode == 0
    me = ready.run("whoami")
    assert me.returncode == 0
    assert all(text in me.stdout for text in (USERNAME, "administratif", UAI, "2026.2.5", "Collège Jean Moulin"))
    table = ready.run("connections")
    assert table.returncode == 0
    assert all(text in table.stdout for text in (USERNAME, "administratif", "127.0.0.1", "administrative 1 of 4"))
    assert f"{USERNAME}, administratif" in ready.run("schools").stdout
    assert ready.run("logout").returncode == 0
    assert running.metric("pronote_licences_used", mode="administratif") == 0
    assert ready.run("whoami").returncode == 9


def test_everything_kept_is_private_and_holds_no_password(ready: Client, running: Server) -> None:
    assert ready.log_in(running).returncode == 0
    for path in (ready.folder, *ready.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
        if path.is_file():
            assert PASSWORD not in path.read_text(encoding="utf-8")


def test_the_password_comes_from_the_environment_too(ready: Client, running: Server) -> None:
    ready.environment["PRONOTE_PASSWORD"] = PASSWORD
    done = ready.run(
        "login", "--mode", "administratif", "--username", USERNAME, "--connect", f"127.0.0.1:{running.client_port}"
    )
    assert done.returncode == 0, done.stderr


def test_the_profile_is_carried_on_a_key_to_another_machine(client: Client, running: Server, tmp_path: Path) -> None:
    file = parameters(tmp_path / "p.json", running.volume.authority.pem)
    key = ("--profile-dir", str(tmp_path / "key"))
    assert client.run(*key, "apply-parameters", file).returncode == 0
    other = Client(tmp_path)
    done = other.run(
        *key, "login", "--mode", "administratif", "--username", USERNAME, "--machine", "CDI-1",
        "--connect", f"127.0.0.1:{running.client_port}", "--password-stdin", password=PASSWORD,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "CDI-1" in other.run(*key, "whoami").stdout
    assert not client.folder.exists()


def test_logging_in_again_gives_the_earlier_place_back(ready: Client, running: Server) -> None:
    for _ in range(6):
        assert ready.log_in(running).returncode == 0
    assert running.metric("pronote_licences_used", mode="administratif") == 1


def test_a_wrong_password_is_3(ready: Client, running: Server) -> None:
    done = ready.log_in(running, password="wrong")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "pronote-client: User name or password is wrong.\n"


def test_a_full_licence_is_4_and_says_the_limit(ready: Client, running: Server) -> None:
    for _ in range(4):
        assert running.log_in().status == 200
    done = ready.log_in(running)
    assert done.returncode == 4
    assert "All 4 places in mode administratif are taken" in done.stderr


def test_a_suspended_address_is_5_and_says_until_when(ready: Client, running: Server) -> None:
    for _ in range(10):
        running.log_in(password="wrong")
    done = ready.log_in(running)
    assert done.returncode == 5
    assert "suspended until 20" in done.stderr


def test_a_disabled_machine_is_6(ready: Client, running: Server) -> None:
    running.volume.write_settings(default_settings() | {"disabledClients": ["CDI-1"]})
    wait_until(lambda: ready.log_in(running, "--machine", "cdi-1").returncode == 6, 10, "the refusal")
    assert ready.log_in(running, "--machine", "cdi-2").returncode == 0


def test_a_server_out_of_service_is_7(ready: Client, running: Server) -> None:
    assert ready.log_in(running).returncode == 0
    assert running.stop() == 0
    for done in (ready.log_in(running), ready.run("whoami"), ready.run("logout")):
        assert done.returncode == 7
        assert "out of service" in done.stderr


def test_an_expired_session_is_9_and_forgotten(ready: Client, running: Server) -> None:
    assert ready.log_in(running).returncode == 0
    connection = running.admin("GET", "/v1/connections").json["connections"][0]["id"]
    running.admin("DELETE", f"/v1/connections/{connection}")
    done = ready.run("whoami")
    assert done.returncode == 9
    assert "expired" in done.stderr
    assert "Not logged in" in ready.run("whoami").stderr


def test_a_mode_that_is_not_allowed_is_11(ready: Client, running: Server) -> None:
    done = ready.run(
        "login", "--mode", "enseignant", "--username", USERNAME,
        "--connect", f"127.0.0.1:{running.client_port}", "--password-stdin", password=PASSWORD,
    )  # fmt: skip
    assert done.returncode == 11


def test_a_certificate_for_another_name_is_8_also_with_connect(client: Client, running: Server, tmp_path: Path) -> None:
    before = running.shown_certificate()
    write_certificate(running.volume.tls, running.volume.authority, ("other.schools.svc", "localhost", "127.0.0.1"))
    wait_until(lambda: running.shown_certificate() != before, 10, "the new certificate")
    client.run("apply-parameters", parameters(tmp_path / "p.json", running.volume.authority.pem))
    # The address that is connected to is in the certificate; the name of the parameters is not.
    done = client.log_in(running)
    assert done.returncode == 8
    assert HOST in done.stderr
    assert running.admin("GET", "/v1/connections").json["connections"] == []


def test_a_certificate_of_another_authority_is_8(client: Client, running: Server, tmp_path: Path) -> None:
    client.run("apply-parameters", parameters(tmp_path / "p.json", new_authority("Another").pem))
    assert client.log_in(running).returncode == 8
    # An authority of the same name but with another key is another one too.
    client.run("apply-parameters", parameters(tmp_path / "p.json", new_authority().pem))
    assert client.log_in(running).returncode == 8


def test_a_certificate_that_has_ended_is_8(client: Client, running: Server, tmp_path: Path) -> None:
    assert running.stop() == 0
    write_certificate(running.volume.tls, running.volume.authority, (HOST, "localhost"), timedelta(days=-1))
    running.start()
    client.run("apply-parameters", parameters(tmp_path / "p.json", running.volume.authority.pem))
    done = client.log_in(running)
    assert done.returncode == 8
    assert "expired" in done.stderr
    assert running.metric("pronote_certificate_last_reload_successful") == 0


def test_the_host_name_of_the_parameters_is_asked_for_in_tls(client: Client, tmp_path: Path) -> None:
    authority = new_authority()
    write_certificate(tmp_path / "tls", authority, (HOST,))
    client.run("apply-parameters", parameters(tmp_path / "p.json", authority.pem))
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(4096))

        accepting = threading.Thread(target=accept)
        accepting.start()
        done = client.run(
            "login", "--mode", "enseignant", "--username", "x", "--connect", f"127.0.0.1:{port}",
            "--password-stdin", password="y",
        )  # fmt: skip
        accepting.join()
    assert done.returncode == 7
    assert HOST.encode() in asked[0]


def test_proxies_and_authorities_of_the_environment_are_ignored(ready: Client, running: Server) -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    ready.environment |= {"HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "SSL_CERT_FILE": "/nonexistent"}
    assert ready.log_in(running).returncode == 0


def test_several_schools_one_default(client: Client, tmp_path: Path) -> None:
    ca = new_authority().pem
    assert client.run("apply-parameters", parameters(tmp_path / "a.json", ca)).returncode == 0
    other = parameters(tmp_path / "b.json", ca, uai="0210066H", displayName="Lycée B")
    assert client.run("apply-parameters", other).returncode == 0
    assert f"* │ {UAI}" in client.run("schools").stdout
    assert client.run("--school", "0210066H", "whoami").stderr.startswith("pronote-client: Not logged in to Lycée B")
    assert client.run("schools", "--set-default", "0210066h").returncode == 0
    assert "* │ 0210066H" in client.run("schools").stdout
    assert client.run("schools", "--set-default", "9830002K").returncode == 10


@pytest.mark.parametrize(
    ("change", "field_name"),
    [
        ({"format": "pronote-parameters/2"}, "format"),
        ({"uai": "0750001A"}, "uai"),
        ({"uai": "../../etc"}, "uai"),
        ({"host": "a b"}, "host"),
        ({"host": "evil.example/path"}, "host"),
        ({"port": 0}, "port"),
        ({"caCertificate": "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"}, "caCertificate"),
        ({"caCertificate": ""}, "caCertificate"),
    ],
)
def test_malformed_parameters_are_10_and_name_the_field(
    client: Client, tmp_path: Path, change: dict[str, object], field_name: str
) -> None:
    done = client.run("apply-parameters", parameters(tmp_path / "p.json", new_authority().pem, **change))
    assert done.returncode == 10
    assert field_name in done.stderr
    assert not client.folder.exists()


def test_a_token_is_never_sent_to_a_server_of_other_parameters(ready: Client, running: Server, tmp_path: Path) -> None:
    assert ready.log_in(running).returncode == 0
    assert ready.run("apply-parameters", str(tmp_path / "p.json")).returncode == 0
    assert ready.run("whoami").returncode == 0, "the same parameters keep the session"
    ready.run("apply-parameters", parameters(tmp_path / "q.json", new_authority().pem))
    assert ready.run("whoami").returncode == 9


def test_help_names_the_exit_codes_and_wrong_usage_is_2(client: Client) -> None:
    done = client.run("--help")
    assert done.returncode == 0
    assert "Exit codes" in done.stdout
    assert client.run("login", "--mode", "eleve", "--username", "x").returncode == 2
    assert client.run("apply-parameters", "/nonexistent/p.json").returncode == 10
