"""Bounds of the Clients' port: slow and silent connections, old TLS, requests under way at the stop."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import SUPERADMIN, wait_until

if TYPE_CHECKING:
    from tests.conformance.harness import Server

SLOW_SECONDS = 10
"""The server's deadlines for a handshake, for a head and for a body."""

BODY = json.dumps({"username": SUPERADMIN[0], "password": SUPERADMIN[1], "mode": "administratif"}).encode()
HEAD = (
    b"POST /client/v1/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n" % len(BODY)
)


def _secure(server: Server) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", server.client_port), timeout=30)
    return server.tls_context().wrap_socket(plain, server_hostname="localhost")


def _read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(4096), b""))


def _is_closed(connection: socket.socket, seconds: float) -> bool:
    """Tell whether the other side closes the connection in time."""
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionError):
        try:
            return connection.recv(1) == b""
        except TimeoutError:
            return False
    return True


def test_slow_handshakes_heads_and_bodies_are_cut_off(server: Server) -> None:
    silent = socket.create_connection(("127.0.0.1", server.client_port))
    empty, trickling, bodyless = _secure(server), _secure(server), _secure(server)
    begun = time.monotonic()
    bodyless.sendall(HEAD)
    with silent, empty, trickling, bodyless:
        with contextlib.suppress(OSError):
            for letter in b"GET /client/v1/whoami HTTP/1.1\r\nx: ":
                trickling.sendall(bytes([letter]))
                time.sleep(0.4)
        assert _is_closed(trickling, 1)
        assert _is_closed(empty, 3)
        assert _is_closed(silent, 3)
        assert bodyless.recv(64).startswith(b"HTTP/1.1 408")
        assert SLOW_SECONDS - 1 < time.monotonic() - begun < SLOW_SECONDS * 2


def test_a_request_under_way_at_sigterm_is_answered(running: Server) -> None:
    with _secure(running) as connection:
        connection.sendall(HEAD + BODY[:10])
        time.sleep(0.2)
        running.running.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.running.poll() is None
        assert running.admin("GET", "/readyz").status == 503
        assert running.admin("GET", "/v1/info").json["state"] == "Draining"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", running.client_port))
        connection.sendall(BODY[10:])
        answer = _read_all(connection)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"OutOfService" in answer
    assert running.end(10) == 0


def test_a_login_that_was_being_checked_at_sigterm_ends_with_an_answer(running: Server) -> None:
    with _secure(running) as connection:
        connection.sendall(HEAD + BODY)
        time.sleep(0.01)
        running.running.send_signal(signal.SIGTERM)
        assert _read_all(connection).startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
    assert running.end(10) == 0


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_before_1_2_is_refused(server: Server) -> None:
    context = server.tls_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", server.client_port)) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_idle_clients_cost_little_memory_and_those_past_the_limit_are_dropped(running: Server) -> None:
    def resident() -> int:
        lines = Path(f"/proc/{running.running.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

    before = resident()
    with contextlib.ExitStack() as held:
        for _ in range(300):
            held.enter_context(_secure(running))
        assert (resident() - before) / 300 < 130, "KiB a connection"
        for _ in range(800):
            with contextlib.suppress(OSError):
                held.enter_context(_secure(running))
        assert running.admin("GET", "/readyz").status == 200
        assert running.admin("POST", "/v1/checkpoint").status == 200
    wait_until(lambda: _logs_in(running), 10, "a login")


def _logs_in(server: Server) -> bool:
    try:
        return server.log_in().status == 200
    except OSError:
        return False


def test_an_answer_comes_in_one_go(running: Server) -> None:
    session = running.log_in().json["session"]
    connection = http.client.HTTPSConnection("localhost", running.client_port, context=running.tls_context())
    with contextlib.closing(connection):
        begun = time.monotonic()
        for _ in range(50):
            connection.request("GET", "/client/v1/whoami", headers={"authorization": f"Bearer {session}"})
            assert connection.getresponse().read()
        assert (time.monotonic() - begun) / 50 < 0.03, "an acknowledgement that is held back costs 0.04"


def test_heads_are_bounded(server: Server) -> None:
    answer = b""
    # Who is cut off while it still sends may be told nothing any more. One that waits for the end runs out of time.
    with _secure(server) as connection, contextlib.suppress(ssl.SSLEOFError, ConnectionError):
        connection.sendall(b"GET /client/v1/whoami HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 100_000)
        answer = connection.recv(64)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_many_logins_at_once_are_answered_and_the_probes_too(server: Server) -> None:
    with ThreadPoolExecutor(40) as threads:
        logins = [threads.submit(server.log_in, "nobody", "wrong") for _ in range(100)]
        slowest = 0.0
        while not all(login.done() for login in logins):
            begun = time.monotonic()
            assert server.admin("GET", "/livez").status == 200
            slowest = max(slowest, time.monotonic() - begun)
    assert {login.result().status for login in logins} <= {401, 429, 503}
    assert slowest < 2
