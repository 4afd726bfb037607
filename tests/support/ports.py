"""Ports for the servers of tests.

A port is looked for by the test and bound by a process that is started with its number. Nothing may take it in between:

- Outgoing connections get theirs from the kernel's ephemeral range, as does who binds port 0: no port of it is given.
- No port is given twice in a process: a server that ended may be started again, and must find its place free.
- Processes side by side (pytest-xdist, several checkouts) are given different ones: each claims blocks of ports, by an
  abstract Unix socket, which the kernel removes with the process, whatever its end.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

PORTS = range(11_000, 26_000)
"""What may be given. Above are the local cluster's (26399 to 27399) and Kubernetes' NodePorts (30000 to 32767), below
those of programs and of Kubernetes' parts (10248 to 10259), and those that Chromium refuses (up to 10080)."""

BLOCK = 100
"""Ports that a process claims at a time: it holds one open file for each block."""

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port that nothing listens on, on any address; never the same twice.

    Raises:
        AssertionError: all are taken.
    """
    with _lock:
        port = next(_given, None)
    assert port is not None, f"no port of {PORTS} is free"
    return port


def outside(first: int, last: int) -> list[int]:
    """Return the ports that may be given where the ephemeral range is this one, bounds included.

    Where it covers them all, all may: binding is then the only check, as good as it can be.
    """
    return [port for port in PORTS if not first <= port <= last] or list(PORTS)


def _free_ports() -> Iterator[int]:
    first, last = map(int, EPHEMERAL.read_text().split())
    ports = outside(first, last)
    blocks = [ports[start : start + BLOCK] for start in range(0, len(ports), BLOCK)]
    for block in _from(os.getpid() % len(blocks), blocks):
        claim = _claim(block[0])
        if claim is not None:
            _claims.append(claim)
            yield from filter(_is_free, block)


def _from(start: int, blocks: Sequence[list[int]]) -> Iterator[list[int]]:
    yield from blocks[start:]
    yield from blocks[:start]


def _claim(first: int) -> socket.socket | None:
    """Claim the block that begins with this port; None when another process has it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0pronote-tests/ports/{first}")
    except OSError:
        claim.close()
        return None
    return claim


def _is_free(port: int) -> bool:
    """Tell whether it can be bound on every address, IPv6 too where there is any."""
    try:
        if socket.has_dualstack_ipv6():
            socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True).close()
        else:
            socket.create_server(("", port)).close()
    except OSError:
        return False
    return True


_lock = threading.Lock()
_claims: list[socket.socket] = []
_given = _free_ports()
