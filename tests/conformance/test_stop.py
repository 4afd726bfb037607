"""Stop: SIGTERM ends the process cleanly within 30 seconds, whatever it is doing; SIGKILL corrupts nothing."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.harness import Server, Volume

STOP_SECONDS = 30


def test_sigterm_ends_it_with_0_and_leaves_one_file_of_the_base(
    new_server: Callable[..., Server], volume: Volume
) -> None:
    server = new_server()
    server.start()
    assert server.stop(STOP_SECONDS) == 0
    assert not (volume.year_folder / "base.sqlite-wal").exists()
    assert not (volume.year_folder / "base.sqlite-journal").exists()


def test_sigterm_right_after_the_start_of_the_process_ends_it_too(new_server: Callable[..., Server]) -> None:
    for delay in (0.3, 0.4, 0.5):
        server = new_server()
        server.launch()
        time.sleep(delay)
        assert server.stop(STOP_SECONDS) in (0, -signal.SIGTERM)


def test_it_is_not_ready_any_more_once_it_is_stopping(new_server: Callable[..., Server]) -> None:
    server = new_server()
    server.start()
    server.running.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    while server.running.poll() is None:
        assert not server.is_ready()


def test_idle_connections_do_not_delay_the_stop(new_server: Callable[..., Server]) -> None:
    server = new_server()
    server.start()
    raw = [socket.create_connection(("127.0.0.1", port)) for port in (server.client_port, server.admin_port)]
    secure = server.tls_context().wrap_socket(
        socket.create_connection(("127.0.0.1", server.client_port)), server_hostname="localhost"
    )
    try:
        assert server.stop(STOP_SECONDS) == 0
    finally:
        for connection in (*raw, secure):
            connection.close()


def test_a_checkpoint_under_way_is_answered(new_server: Callable[..., Server], volume: Volume) -> None:
    server = new_server()
    server.start()
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(server.admin("POST", "/v1/checkpoint").status))
    asking.start()
    time.sleep(0.005)
    assert server.stop(STOP_SECONDS) == 0
    asking.join()
    assert answers in ([200], [503])
    whole = [folder.name for folder in volume.checkpoints.iterdir() if (folder / "base.sqlite").exists()]
    assert len(whole) == (1 if answers == [200] else 0)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1])
def test_sigkill_corrupts_nothing_and_half_a_checkpoint_is_cleared_away(
    new_server: Callable[..., Server], volume: Volume, delay: float
) -> None:
    server = new_server()
    server.start()

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                server.admin("POST", "/v1/checkpoint")

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2 + delay)
    server.running.send_signal(signal.SIGKILL)
    server.running.wait()
    asking.join()
    with sqlite3.connect(volume.year_folder / "base.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    again = new_server()
    again.start()
    assert all((folder / "base.sqlite").exists() for folder in volume.checkpoints.iterdir())
