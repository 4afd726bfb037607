"""Waiting for an address: until it answers, and no longer than one may."""

import socket
import threading
import time

from local_cluster.sockets import wait_for_answer


def test_it_returns_as_soon_as_the_address_answers() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        threading.Timer(0.3, server.listen).start()
        began = time.monotonic()
        wait_for_answer("127.0.0.1", server.getsockname()[1], 10)
        assert 0.2 < time.monotonic() - began < 5
        socket.create_connection(server.getsockname(), timeout=1).close()


def test_it_gives_up_in_time_and_leaves_the_reason_to_the_caller() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        began = time.monotonic()
        wait_for_answer("127.0.0.1", bound.getsockname()[1], 0.5)
        assert 0.4 < time.monotonic() - began < 3
