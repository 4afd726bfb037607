"""The ways to the replicas of PRONOTE.net: Service, HTTPRoute, Ingress, and who may come and go."""

from __future__ import annotations

from typing import Any

from pronote_operator.api.publication import Publication
from pronote_operator.builders.context import Manifest
from pronote_operator.builders.names import NET_PORT, SITE_KEY, Names, server_selector, web_selector
from pronote_operator.builders.webcontext import WebContext, web_metadata
from pronote_operator.builders.webpods import STATUS_PORT, VISITORS_PORT
from pronote_operator.planning.hashing import canonical_json

SERVICE_PORT = 80
GATEWAY_GROUP = "gateway.networking.k8s.io"
_EVERYWHERE_BUT_THE_LINK = [
    {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
    {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}},
]
"""CAS servers may be anywhere, at any port, behind a Service too; a cloud's metadata are on the link."""


def site_configmap(publication: Publication, base: str, document: dict[str, Any]) -> Manifest:
    """What the server's pod mounts: see docs/reference/net-api.md.

    Args:
        base: whose server it is; the one that is published, or one that was.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": web_metadata(publication, base, Names(base).site),
        "data": {SITE_KEY: canonical_json(document)},
    }


def web_service(ctx: WebContext) -> Manifest:
    """Where routes lead to, and visitors themselves when the Service alone is exposed.

    A load balancer keeps the visitor's address (`externalTrafficPolicy: Local`): the server suspends addresses after
    wrong logins, and must not suspend a node in the place of a person.
    """
    spec: dict[str, Any] = {
        "type": ctx.service.type,
        "selector": web_selector(ctx.name),
        "ports": [{"name": "http", "port": SERVICE_PORT, "protocol": "TCP", "targetPort": "http"}],
    }
    if ctx.service.type == "LoadBalancer":
        spec["externalTrafficPolicy"] = "Local"
    return {"apiVersion": "v1", "kind": "Service", "metadata": ctx.metadata(ctx.names.web), "spec": spec}


def http_route(ctx: WebContext) -> Manifest | None:
    """The HTTPRoute; None unless it is asked for.

    What the API adds to parents and backends is written out: these lists are compared as wholes (`planning.drift`).
    """
    if ctx.http_route is None:
        return None
    match = {"path": {"type": "PathPrefix", "value": ctx.publication.spec.path}}
    backend = {"group": "", "kind": "Service", "name": ctx.names.web, "port": SERVICE_PORT, "weight": 1}
    return {
        "apiVersion": f"{GATEWAY_GROUP}/v1",
        "kind": "HTTPRoute",
        "metadata": ctx.metadata(ctx.names.web),
        "spec": {
            "parentRefs": [
                {"group": GATEWAY_GROUP, "kind": "Gateway", **parent.to_manifest()}
                for parent in ctx.http_route.parent_refs
            ],
            "hostnames": [ctx.host],
            "rules": [{"matches": [match], "backendRefs": [backend]}],
        },
    }


def ingress(ctx: WebContext) -> Manifest | None:
    """The Ingress; None unless it is asked for. Without a Secret of its own the controller's certificate is shown."""
    wanted = ctx.ingress
    if wanted is None:
        return None
    backend = {"service": {"name": ctx.names.web, "port": {"number": SERVICE_PORT}}}
    path = {"path": ctx.publication.spec.path, "pathType": "Prefix", "backend": backend}
    tls: dict[str, Any] = {"hosts": [ctx.host]}
    if wanted.tls_secret_name is not None:
        tls["secretName"] = wanted.tls_secret_name
    spec: dict[str, Any] = {"tls": [tls], "rules": [{"host": ctx.host, "http": {"paths": [path]}}]}
    if wanted.class_name is not None:
        spec["ingressClassName"] = wanted.class_name
    metadata = ctx.metadata(ctx.names.web, dict(wanted.annotations))
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def web_policy(ctx: WebContext) -> Manifest:
    """Visitors and proxies from anywhere, metrics in the cluster; out to the base, and to CAS servers if need be."""
    base = {"podSelector": {"matchLabels": server_selector(ctx.base)}}
    egress: list[dict[str, Any]] = [
        {"ports": [_port(53, "UDP"), _port(53)]},
        {"ports": [_port(NET_PORT)], "to": [base]},
    ]
    if ctx.delegated:
        egress.append({"ports": [{"protocol": "TCP"}], "to": _EVERYWHERE_BUT_THE_LINK})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": ctx.metadata(ctx.names.web),
        "spec": {
            "podSelector": {"matchLabels": web_selector(ctx.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"ports": [_port(VISITORS_PORT)]},
                {"ports": [_port(STATUS_PORT)], "from": [{"namespaceSelector": {}}]},
            ],
            "egress": egress,
        },
    }


def _port(number: int, protocol: str = "TCP") -> dict[str, Any]:
    return {"port": number, "protocol": protocol}
