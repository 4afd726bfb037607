"""Host names for one process of tests, without a name server and without touching the machine's own."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def resolving(hosts: Mapping[str, str]) -> Iterator[None]:
    """Give names that end so an address: for every client of this process that asks the system for addresses.

    Args:
        hosts: address by the end of the host names, such as `.pronote.test`.
    """
    asked = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        found = next((address for end, address in hosts.items() if name.endswith(end)), None)
        return asked(found or host, *rest, **options)

    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        socket.getaddrinfo = asked
