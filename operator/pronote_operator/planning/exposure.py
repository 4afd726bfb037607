"""Under which host, and at which address, visitors reach the pages of a publication."""

from __future__ import annotations

from pronote_operator.api.publication import PublicationSpec
from pronote_operator.builders.endpoints import host_from_template
from pronote_operator.planning.publication_site import address
from pronote_operator.planning.web_facts import ServiceFacts


def has_own_host(spec: PublicationSpec) -> bool:
    """Whether visitors come by a host name that no other publication may have: not within the cluster only."""
    return spec.host is not None or _service_type(spec) != "ClusterIP"


def host_of(spec: PublicationSpec, *, template: str, name: str, namespace: str, uai: str) -> str:
    """The host of the pages.

    Args:
        template: the operator's, for publications that name no host.
        name: of the publication.
        uai: of the base.
    Raises:
        HostTemplateError: the template gives no host name.
    """
    if spec.host is not None:
        return spec.host
    if not has_own_host(spec):
        return f"{name}-web.{namespace}.svc"
    return host_from_template(template, name=name, namespace=namespace, uai=uai)


def url_of(spec: PublicationSpec, host: str, service: ServiceFacts | None) -> str:
    """The address of the pages.

    Routes speak HTTPS: their Gateway, or their Ingress controller, has the certificate. A Service has none.

    Args:
        service: as it is there; None when it is not yet.
    """
    kind = _service_type(spec)
    if kind is None:
        return address("https", host, spec.path)
    node_port = service.node_port if service is not None and kind == "NodePort" else None
    return address("http", host, spec.path, node_port)


def shared_address(spec: PublicationSpec, *, trusts_proxies: bool) -> str | None:
    """What is to be said when the server sees one address for many visitors; None when it sees each one's.

    The server suspends addresses after wrong passwords: one visitor who guesses then locks out all. What stands before
    a ClusterIP Service is not ours to know.

    Args:
        trusts_proxies: whether the operator's settings name the proxies that tell the visitor's address.
    """
    kind = _service_type(spec)
    if kind is None and not trusts_proxies:
        return (
            "all visitors have the address of the proxy, so that the wrong passwords of one can suspend them all: the "
            "operator's setting trustedProxies is empty"
        )
    if kind == "NodePort":
        return "nodes hide the visitors' addresses, so that the wrong passwords of one can suspend others too"
    return None


def _service_type(spec: PublicationSpec) -> str | None:
    """The type of the Service by which it is exposed; None when a route leads to it."""
    exposure = spec.exposure
    if exposure is not None and (exposure.http_route is not None or exposure.ingress is not None):
        return None
    return exposure.service.type if exposure is not None and exposure.service is not None else "ClusterIP"
