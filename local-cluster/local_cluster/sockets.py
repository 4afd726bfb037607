"""TCP ports: who listens on one (from /proc alone), and when an address answers."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

_LISTEN = "0A"


def wait_for_answer(host: str, port: int, seconds: float) -> None:
    """Return once an address takes connections, or when the time is over: the caller's own attempt then says why not.

    A Service's address works only once kube-proxy has heard that its pod is ready, a moment after everybody else.

    Args:
        seconds: to wait at most.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.1)


def listening_inodes(table: str) -> dict[int, set[str]]:
    """The sockets that listen, by port.

    Args:
        table: text of /proc/net/tcp or /proc/net/tcp6.

    Returns:
        port → inodes of the sockets.
    """
    ports: dict[int, set[str]] = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            ports.setdefault(int(fields[1].rsplit(":", 1)[1], 16), set()).add(fields[9])
    return ports


def listeners(ports: list[int]) -> dict[int, str]:
    """Which of some ports are taken, and by whom.

    Args:
        ports: to look at.

    Returns:
        port → "name (process 123)" or "a process of another user or container".
    """
    inodes: dict[int, set[str]] = {}
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for port, found in listening_inodes(Path(file).read_text()).items():
                inodes.setdefault(port, set()).update(found)
    taken = {port: inodes[port] for port in ports if port in inodes}
    owners = _owners(set().union(*taken.values())) if taken else {}
    return {
        port: next((owners[inode] for inode in sorted(found) if inode in owners), "a process that is not visible here")
        for port, found in taken.items()
    }


def _owners(inodes: set[str]) -> dict[str, str]:
    links = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[str, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if inode := links.get(str(descriptor.readlink())):
                        name = (process / "comm").read_text().strip()
                        owners[inode] = f"{name} (process {process.name})"
    return owners
