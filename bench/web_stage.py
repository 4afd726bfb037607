"""A base with a seeded school, its server and two replicas of PRONOTE.net, as real processes on loopback."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.harness import Volume, default_settings
from tests.support.net_server import NetServer, prepare_net, site_document
from tests.support.replica import Replica

REPLICAS = 2
PUPILS = 200
ACCOUNTS = 100
"""Of each kind of person; sessions share them."""
VISITORS = "198.18.0.0/15"
"""The network for benchmarks (RFC 2544): each visitor has an address of its own, told by a trusted proxy."""


@dataclass(frozen=True)
class WebStage:
    """What visitors meet.

    Args:
        accounts: (page without `.html`, username, password), pupils and guardians.
    """

    server: NetServer
    replicas: list[Replica]
    accounts: list[tuple[str, str, str]]

    def cpu_seconds(self) -> list[float]:
        """CPU used so far by the server, then by each replica."""
        return [_cpu_seconds(pid) for pid in self.pids]

    @property
    def pids(self) -> list[int]:
        """Of the server, then of each replica."""
        replicas = [replica.process for replica in self.replicas]
        return [self.server.running.pid, *(process.pid for process in replicas if process)]


@contextmanager
def web_stage(root: Path) -> Iterator[WebStage]:
    """Start everything; all is ended afterwards."""
    volume = Volume(root)
    volume.prepare()
    settings = default_settings()
    settings["security"]["preferredAddresses"] = [VISITORS, "127.0.0.0/8"]
    volume.write_settings(settings)
    server = NetServer("pronote-server serve", volume, prepare_net(volume))
    told = root / "accounts.csv"
    with ExitStack() as ending:
        ending.callback(server.kill)
        server.start()
        server.stop()
        server.run(
            "seed", "--pupils", str(PUPILS), "--until", "2026-10-02",
            "--accounts", str(told), "--accounts-for", str(ACCOUNTS),
        )  # fmt: skip
        server.start()
        server.publish(site_document())
        proxies = {"PRONOTE_NET_TRUSTED_PROXIES": "127.0.0.0/8"}
        replicas = [ending.enter_context(Replica(server, **proxies)) for _ in range(REPLICAS)]
        pages = {"Eleves": "eleve", "Parents": "parent"}
        with told.open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["espace"] in pages]
        accounts = [(pages[row["espace"]], row["username"], row["password"]) for row in rows]
        yield WebStage(server, replicas, accounts)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
