"""Ports for the servers of tests: nothing else takes them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

from local_cluster.addresses import FAKE_PORTS
from local_cluster.gateway import PING_PORT
from tests.support.ports import EPHEMERAL, PORTS, free_port, outside

NODE_PORTS = range(30_000, 32_768)
CLIENT_PORT = 49_300
COUNT = 250
"""More than a block."""

GIVE = f"from tests.support.ports import free_port; print(*(free_port() for _ in range({COUNT})), flush=True); input()"


def test_a_port_is_given_once_and_can_be_bound() -> None:
    given = [free_port() for _ in range(COUNT)]
    assert len(set(given)) == COUNT
    for port in given:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_port_that_somebody_listens_on_is_not_given() -> None:
    following = free_port() + 1
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # somebody listens there already, which is as good
            held.enter_context(socket.create_server(("127.0.0.1", following)))
        assert free_port() != following


def test_processes_side_by_side_are_given_different_ones() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", GIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        for _ in range(3)
    ]
    given = []
    for process in processes:
        assert process.stdout is not None
        given += process.stdout.readline().split()
    for process in processes:
        process.communicate("\n", timeout=10)
    assert len(given) == 3 * COUNT
    assert len(set(given)) == 3 * COUNT


def environment() -> dict[str, str]:
    """For a Python that finds what this one finds."""
    return {"PYTHONPATH": ":".join(filter(None, sys.path))}


def test_nothing_else_wants_them() -> None:
    first, last = map(int, EPHEMERAL.read_text().split())
    others = {*range(first, last + 1), *FAKE_PORTS, *NODE_PORTS, PING_PORT, CLIENT_PORT}
    assert others.isdisjoint(outside(first, last))


def test_a_wide_ephemeral_range_leaves_the_rest_and_one_that_covers_all_leaves_all() -> None:
    assert outside(32_768, 60_999) == list(PORTS)
    assert outside(15_000, 65_535) == list(range(11_000, 15_000))
    assert outside(1_024, 65_535) == list(PORTS)
