"""What an instance is: remembered from its first start, so that every later command finds the same one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from local_cluster import addresses
from local_cluster.addresses import Ports
from local_cluster.errors import LocalClusterError
from local_cluster.paths import State


@dataclass(frozen=True)
class Options:
    """The kind of an instance.

    Attributes:
        fake: control plane only, kwok's nodes instead of a kubelet.
        api_only: of a fake one, etcd and API server alone.
        nodes: of a fake one, how many nodes kwok plays.
        ports: where it listens.
    """

    fake: bool
    api_only: bool
    nodes: int
    ports: Ports

    @property
    def address(self) -> str:
        """Where the API server listens."""
        return addresses.LOOPBACK if self.fake else addresses.NODE_IP

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{self.address}:{self.ports.apiserver}"


def read(path: Path) -> Options | None:
    """The options an instance was started with; None when it never was."""
    try:
        stored = json.loads(path.read_text())
        return Options(**{**stored, "ports": Ports(**stored["ports"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(path: Path, options: Options) -> None:
    """Remembers the options of an instance."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(options), indent=1) + "\n")


def resolve(state: State, name: str, *, fake: bool, api_only: bool, nodes: int) -> Options:
    """The options of an instance that is to be up: those it has, else new ones with free ports.

    Raises:
        LocalClusterError: the instance exists and is of another kind.
    """
    existing = read(state.instance(name).settings)
    if existing:
        if (existing.fake, existing.api_only) != (fake, api_only):
            kind = "API only" if existing.api_only else "fake" if existing.fake else "real"
            raise LocalClusterError(
                f"The instance {name!r} exists and is of another kind ({kind}).",
                f"Use another name, or take it down first: python -m local_cluster down --instance {name}",
            )
        return replace(existing, nodes=nodes)
    if not fake:
        return Options(fake=False, api_only=False, nodes=1, ports=addresses.REAL_PORTS)
    others = [read(path) for path in state.runs.glob("*/instance.json")]
    taken = frozenset(
        port for other in others if other for port in (other.ports.apiserver, other.ports.etcd, other.ports.etcd_peer)
    )
    return Options(fake=True, api_only=api_only, nodes=nodes, ports=addresses.free_ports(taken))


def real_instance(state: State) -> str | None:
    """The name of the real instance; there is at most one, for there is one network and one kubelet."""
    for path in sorted(state.runs.glob("*/instance.json")):
        options = read(path)
        if options and not options.fake:
            return path.parent.name
    return None
