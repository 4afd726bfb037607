"""The site of processes on loopback: a server, replicas in front of it, and an ENT."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.harness import YEAR
from tests.espaces.seeded import Seeded, ent_accounts, seeded_site
from tests.espaces.site import Site
from tests.support.cas_server import CasServer
from tests.support.net_server import NetServer, site_document
from tests.support.replica import Replica

COPY_SECONDS = 1.1
"""Replicas keep a copy of the site document for a second."""

DELEGATED = ("Professeurs", "Parents", "Eleves")


@dataclass
class LoopbackHosting:
    """Does by the server's own ports what the operator and its plugin do."""

    net: NetServer
    url: str
    delegations: tuple[dict[str, Any], ...] = ()

    def publish(self, *espaces: str) -> None:
        self._send(espaces=list(espaces))

    def stop(self) -> None:
        self._send(published=False)

    def end_sessions(self) -> None:
        for one in self.net.admin("GET", "/v1/connections").json["connections"]:
            self.net.admin("DELETE", f"/v1/connections/{one['id']}")

    def release_addresses(self) -> None:
        for one in self.net.admin("GET", "/v1/blocked-addresses").json["blockedAddresses"]:
            self.net.admin("DELETE", f"/v1/blocked-addresses/{one['address']}")

    def _send(self, **changes: Any) -> None:
        document = site_document(url=self.url, delegations=list(self.delegations), **changes)
        assert self.net.publish(document).status == 200
        time.sleep(COPY_SECONDS)


@contextmanager
def loopback_site(net: NetServer, folder: Path) -> Iterator[tuple[Site, CasServer]]:
    """A running server with the made-up school, published, with an ENT in front.

    Args:
        folder: for the ENT's files, and for the passwords.
    """
    seeded = Seeded(YEAR)
    file = folder / "accounts.csv"
    net.run(*seeded.command(str(file))[1:])
    with Replica(net) as replica:
        hosting = LoopbackHosting(net, replica.url().rstrip("/"))
        site = seeded_site(hosting.url, seeded, file.read_text(), hosting)
        with CasServer(folder / "cas", [hosting.url], accounts=ent_accounts(site)) as cas:
            delegation = {
                "name": "ent",
                "casUrl": cas.url,
                "protocol": "CAS3",
                "caBundle": cas.ca_file.read_text(),
                "espaces": list(DELEGATED),
                "direct": True,
                "identification": {"by": "Identity"},
            }
            hosting.delegations = (delegation,)
            hosting.publish(*site.espaces)
            yield site, cas
