"""A made-up school that is published on the cluster, behind the gateway, with an ENT beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cluster import addresses
from tests.cluster.gateways import Front
from tests.cluster.published import COPY_SECONDS, Published
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.espaces.seeded import Seeded, ent_accounts, read_accounts, seeded_site
from tests.espaces.site import Site, Visitor
from tests.support.cas_server import CasServer
from tests.support.ent import trusting

ACCOUNTS = "/tmp/accounts.csv"  # noqa: S108 (in the server's container)
SHOW_ACCOUNTS = f"print(open({ACCOUNTS!r}).read())"
"""The image has no other program that shows a file."""

DELEGATED = ("Professeurs", "Parents", "Eleves")


@dataclass(frozen=True)
class Town:
    """Everything that visitors have to do with.

    Args:
        people: everybody who has an account in the school.
        cas: the ENT; the Espaces are not left to it yet.
        bundle: file with the authorities of the gateway and of the ENT, PEM.
    """

    published: Published
    site: Site
    people: tuple[Visitor, ...]
    front: Front
    cas: CasServer
    bundle: Path

    def delegate(self, **spec: Any) -> None:
        """Leave the Espaces of `DELEGATED` to the ENT, which tells who somebody is, and wait until visitors see it."""
        identification = {"identification": {"by": "Identity"}}
        self.published.delegate(self.cas, *DELEGATED, **{**identification, **spec})
        time.sleep(COPY_SECONDS)


@contextmanager
def town(stage: Stage, front: Front, folder: Path, *, replicas: int = 2, each: int = 12) -> Iterator[Town]:
    """A base in service with a made-up school, published; this process's clients trust its gateway and its ENT.

    Args:
        folder: for the ENT's files and the authorities.
        each: accounts of each kind of person.
    """
    with stage.space() as space, stage.operator(space, trusted_proxies=f"{addresses.NODE_IP}/32") as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space)
        published = Published(school, {"replicas": replicas})
        front.install(stage.kube, space, published.host)
        school.apply().wait_ready()
        published.apply()
        seeded = Seeded(int(school.get()["status"]["schoolYear"]), each)
        school.execute(*seeded.command(ACCOUNTS))
        accounts = school.execute("python3", "-c", SHOW_ACCOUNTS)
        published.wait()
        site = seeded_site(published.url, seeded, accounts, published)
        with CasServer(folder / "cas", [published.url], host=addresses.NODE_IP, accounts=ent_accounts(site)) as cas:
            bundle = folder / "authorities.pem"
            with trusting(bundle, front.ca_file, cas.ca_file):
                front.wait_served(site.page(site.pupil))
                yield Town(published, site, tuple(read_accounts(accounts)), front, cas, bundle)
