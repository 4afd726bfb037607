"""A Gateway with TLS for a namespace, in front of which tests stand as visitors with addresses of their own."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local_cluster import addresses
from local_cluster import gateway as local_gateway
from tests.conformance.certificates import Authority, new_authority, write_certificate
from tests.support.kube import Kube
from tests.support.waiting import wait_until

DOMAIN = "pronote.test"
GATEWAY, TLS_SECRET = "web", "web-tls"


@dataclass(frozen=True)
class Front:
    """The gateway's side towards visitors.

    Args:
        folder: with its certificate, for every host of the domain.
    """

    authority: Authority
    folder: Path

    @property
    def ca_file(self) -> Path:
        """The authority's certificate, PEM."""
        return self.folder / "ca.crt"

    def visitor(self, address: str = addresses.NODE_IP, timeout: float = 20) -> httpx.Client:
        """A visitor who comes from an address of this machine, such as 127.0.0.7; see `tests.support.resolving`."""
        transport = httpx.HTTPTransport(
            verify=ssl.create_default_context(cafile=str(self.ca_file)), local_address=address
        )
        return httpx.Client(transport=transport, timeout=timeout, trust_env=False)

    def wait_served(self, url: str, status: int = 200, timeout: float = 30) -> None:
        """Wait until a visitor gets this status: a gateway hears of a route a moment after its object is there."""
        seen = [""]

        def look() -> bool:
            try:
                answer = visitor.get(url)
            except httpx.TransportError as error:  # until it has the host's certificate
                seen[0] = str(error)
                return False
            seen[0] = f"HTTP {answer.status_code}\n{answer.text[:1000]}"
            return answer.status_code == status

        with self.visitor() as visitor:
            wait_until(look, timeout, what=f"{url} answers {status}", last=lambda: seen[0])

    def secret(self, namespace: str, host: str = "") -> dict[str, Any]:
        """The Secret that Gateways and Ingresses of a namespace name.

        Args:
            host: that the certificate is for, and no other.
        """
        folder = self.folder / host
        if host:
            write_certificate(folder, self.authority, (host,))
        data = {name: base64.b64encode((folder / name).read_bytes()).decode() for name in ("tls.crt", "tls.key")}
        metadata = {"name": TLS_SECRET, "namespace": namespace}
        return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}

    def gateway(self, namespace: str, name: str = GATEWAY) -> dict[str, Any]:
        """A Gateway for the routes of its own namespace."""
        listener = {
            "name": "https",
            "port": local_gateway.HTTPS_PORT,
            "protocol": "HTTPS",
            "tls": {"certificateRefs": [{"name": TLS_SECRET}]},
        }
        return {
            "apiVersion": f"{local_gateway.GROUP}/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"gatewayClassName": local_gateway.CLASS, "listeners": [listener]},
        }

    def install(self, kube: Kube, namespace: str, host: str = "") -> None:
        """Have a Gateway in a namespace, with the Secret that an Ingress may name too.

        Args:
            host: the only one that is served, if there is only one. The gateway shows the certificate whose name is
                the host's before one for the whole domain, which another run of tests may have brought meanwhile.
        """
        kube.apply(self.secret(namespace, host))
        kube.apply(self.gateway(namespace))
        kube.wait_for_condition("Gateway", GATEWAY, "Programmed", namespace, timeout=30)


def new_front(folder: Path) -> Front:
    """Make the certificate."""
    authority = new_authority("Gateway")
    write_certificate(folder, authority, (f"*.{DOMAIN}",))
    return Front(authority, folder)
