"""The two Services of a base: one for Clients, and a headless one for metrics, the operator and PRONOTE.net."""

from __future__ import annotations

from typing import Any

from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.names import AGENT_PORT, CLIENT_PORT, METRICS_PORT, NET_PORT, server_selector


def client_service(ctx: BuildContext) -> Manifest:
    """Where Clients connect, TCP 49300.

    A load balancer keeps the address of the Client (`externalTrafficPolicy: Local`): the server suspends addresses
    after wrong logins, and must not suspend a node in the place of a person.
    """
    spec: dict[str, Any] = {
        "type": ctx.options.client_service_type,
        "selector": server_selector(ctx.name),
        "ports": [_port("client", CLIENT_PORT)],
    }
    if ctx.options.client_service_type == "LoadBalancer":
        spec["externalTrafficPolicy"] = "Local"
    return _service(ctx, ctx.names.client_service, spec)


def agent_service(ctx: BuildContext) -> Manifest:
    """The headless Service that governs the StatefulSet.

    It answers for a pod that is not ready too: the agent is what says why a server does not start.
    """
    spec = {
        "type": "ClusterIP",
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": server_selector(ctx.name),
        "ports": [_port("metrics", METRICS_PORT), _port("agent", AGENT_PORT), _port("net", NET_PORT)],
    }
    return _service(ctx, ctx.names.agent_service, spec)


def _service(ctx: BuildContext, name: str, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": ctx.metadata(name), "spec": spec}


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "port": number, "protocol": "TCP", "targetPort": name}
