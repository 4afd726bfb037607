"""What is built, from which module, and how: the single list of components and their versions."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from local_cluster.paths import PACKAGE_ROOT

GO_MINIMUM = (1, 26, 0)
"""The oldest Go that compiles all components."""

GO_TOOLCHAIN = "1.26.8"
"""The toolchain that is fetched when the machine's own Go is older or missing."""

GO_TOOLCHAIN_SUMS = {
    "amd64": "h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=",
    "arm64": "h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=",
}
"""Checksums of the toolchain module, by CPU architecture (the form of a go.sum line)."""

KUBERNETES_MODULE = "k8s.io/kubernetes"

DEBIAN_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "iptables": "iptables",
    "nftables": "nft",
    "conntrack": "conntrack",
    "ipset": "ipset",
    "socat": "socat",
    "mmdebstrap": "mmdebstrap",
    "iproute2": "ip",
    "procps": "sysctl",
    "mount": "mount",
    "borgbackup": "borg",
}
"""Debian packages of a real node, and of tests that look into its volumes, and the program (or file) that shows each is
there."""

BROWSER_PACKAGES = {
    "chromium": "chromium",
    "chromium-driver": "chromedriver",
    "libnss3-tools": "certutil",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
}
"""Debian packages of tests that use a browser, which must be told of a test's own authority, and needs a font that has
the letters of French."""


@dataclass(frozen=True)
class Component:
    """One program of the cluster.

    Attributes:
        name: of the binary.
        module: folder under go/ with the pinned go.mod and go.sum.
        package: Go package to build.
    """

    name: str
    module: str
    package: str

    @property
    def pins(self) -> Path:
        """Folder with the pinned go.mod and go.sum."""
        return PACKAGE_ROOT / "go" / self.module


def _kubernetes(name: str) -> Component:
    return Component(name, "kubernetes", f"{KUBERNETES_MODULE}/cmd/{name}")


COMPONENTS = (
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubectl"),
    Component("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    Component("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
    Component("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    Component("local-path-provisioner", "local-path-provisioner", "github.com/rancher/local-path-provisioner"),
    Component("coredns", "coredns", "github.com/coredns/coredns"),
    Component("node-tools", "node-tools", "."),
)
"""In building order: what the control plane needs comes first."""

TRAEFIK = Component("traefik", "traefik", "github.com/traefik/traefik/v3/cmd/traefik")
"""A real controller of Ingress and Gateway API. Only tests of what is published need it, and it takes minutes to
compile: a cluster starts without."""


def module_version(component: Component) -> str:
    """The version of the module that provides a component, as its pinned go.mod says.

    Returns:
        for example "v1.36.3"; empty for the programs of this repository.

    Raises:
        ValueError: the go.mod names no module that provides the package.
    """
    if component.package == ".":
        return ""
    required = re.findall(r"^\s*(?:require )?([\w./-]+) (v\S+)", (component.pins / "go.mod").read_text(), re.MULTILINE)
    fitting = [(path, version) for path, version in required if f"{component.package}/".startswith(f"{path}/")]
    if not fitting:
        raise ValueError(f"{component.pins}/go.mod requires no module that provides {component.package}")
    _, version = max(fitting)  # the longest path is the nearest module
    return str(version)


def ldflags(component: Component) -> str:
    """Linker flags: no symbols, and the version where a program would else not know its own."""
    flags = ["-s", "-w"]
    if component.module == "kubernetes":
        version = module_version(component)
        major, minor, _ = version.removeprefix("v").split(".")
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
            flags += [
                f"-X {package}.gitVersion={version}",
                f"-X {package}.gitMajor={major}",
                f"-X {package}.gitMinor={minor}",
            ]
    if component.name == "helm":
        flags.append(f"-X helm.sh/helm/v4/internal/version.version={module_version(component)}")
    if component.name == "traefik":
        flags.append(f"-X github.com/traefik/traefik/v3/pkg/version.Version={module_version(component)}")
    return " ".join(flags)


def build_key(component: Component, go_version: str) -> str:
    """A digest of everything that decides a binary: while it stays the same nothing is rebuilt.

    Args:
        component: what is built.
        go_version: of the compiler, as `go env GOVERSION` prints it.
    """
    digest = hashlib.sha256()
    for part in (component.package, ldflags(component), go_version):
        digest.update(part.encode() + b"\0")
    for source in sorted(component.pins.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()
