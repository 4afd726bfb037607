"""Where everything lives: one state folder, and one folder per instance inside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
"""The folder local-cluster/ of the checkout: the pinned Go modules are beside the package."""

PROJECT_ROOT = PACKAGE_ROOT.parent


def default_state() -> Path:
    """The state folder: PRONOTE_STATE, else a folder in the user's cache."""
    if given := os.environ.get("PRONOTE_STATE"):
        return Path(given).resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return (Path(cache) / "pronote-local-cluster").resolve()


@dataclass(frozen=True)
class State:
    """The state folder: what is built once and shared by all instances."""

    root: Path

    @property
    def bin(self) -> Path:
        """Compiled programs."""
        return self.root / "bin"

    @property
    def build(self) -> Path:
        """Copies of the pinned modules that Go builds from."""
        return self.root / "build"

    @property
    def toolchain(self) -> Path:
        """The Go toolchain, when the machine has none that is recent enough."""
        return self.root / "toolchain"

    @property
    def images(self) -> Path:
        """Image archives and the layers they are made of."""
        return self.root / "images"

    @property
    def runs(self) -> Path:
        """One folder per instance."""
        return self.root / "run"

    def instance(self, name: str) -> Instance:
        """The folder of one instance."""
        return Instance(self.runs / name, name)


@dataclass(frozen=True)
class Instance:
    """The folder of one cluster: everything that `down` forgets."""

    root: Path
    name: str

    @property
    def settings(self) -> Path:
        """What the instance was started as: kind, ports, number of nodes."""
        return self.root / "instance.json"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Rendered configuration files."""
        return self.root / "config"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        """One record per started process."""
        return self.root / "pids"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log (real instances only)."""
        return self.logs / "audit.log"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd answers."""
        return self.root / "containerd" / "containerd.sock"

    def kubeconfig(self, user: str = "admin") -> Path:
        """The kubeconfig of a user: admin, or a component's own."""
        return self.root / f"{user}.kubeconfig"
