"""Waiting with a deadline, and ports to listen on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    look: Callable[[], Value | None],
    timeout: float,
    *,
    what: str,
    last: Callable[[], str] = lambda: "",
    every: float = 0.1,
) -> Value:
    """Call ``look`` until it gives something other than None and False.

    Args:
        timeout: seconds.
        what: is waited for, for the message.
        last: describes the last state seen, for the message; called only when the time is over.
        every: seconds between two looks.

    Raises:
        AssertionError: the time is over.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = look()
        if value is not None and value is not False:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}\n{last()}".rstrip())
        time.sleep(every)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports of an address (loopback's by default) that nothing listens on now, all different."""
    sockets = [socket.create_server((host, 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
