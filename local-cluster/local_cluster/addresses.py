"""The addresses of a real instance's network, and the ports of both kinds."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

NODE_NAME = "local"
BRIDGE = "pronote0"
POD_CIDR = "10.244.0.0/16"
NODE_POD_CIDR = "10.244.0.0/24"
NODE_IP = "10.244.0.1"
"""Of the bridge: the node, the API server and the name server answer here, for pods and for the machine itself."""
SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_SERVICE_IP = "10.96.0.1"
DNS_SERVICE_IP = "10.96.0.10"
CNI_NETWORK = "pronote-local"

LOOPBACK = "127.0.0.1"

FAKE_PORTS = range(26400, 27400)
"""Below the ports that the kernel gives to outgoing connections, which could be taken at any moment."""


@dataclass(frozen=True)
class Ports:
    """The TCP ports of one instance."""

    apiserver: int
    etcd: int
    etcd_peer: int


REAL_PORTS = Ports(apiserver=6443, etcd=2379, etcd_peer=2380)

NODE_PORTS = {
    10250: "kubelet",
    10248: "kubelet",
    10249: "kube-proxy",
    10256: "kube-proxy",
    10257: "kube-controller-manager",
    10259: "kube-scheduler",
}
"""Further ports of a real instance, and what listens there."""


def free_ports(taken: frozenset[int]) -> Ports:
    """Three free ports for a fake instance.

    Args:
        taken: ports that other instances have been given, running or not.
    """
    free = _free(taken)
    return Ports(apiserver=next(free), etcd=next(free), etcd_peer=next(free))


def _free(taken: frozenset[int]) -> Iterator[int]:
    for port in FAKE_PORTS:
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        yield port
