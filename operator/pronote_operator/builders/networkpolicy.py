"""Who may speak to the server's pod of a base; the pod itself may speak to nobody."""

from __future__ import annotations

from typing import Any

from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.names import (
    AGENT_PORT,
    CLIENT_PORT,
    METRICS_PORT,
    NET_PORT,
    replicas_of,
    server_selector,
)

_NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


def network_policy(ctx: BuildContext) -> Manifest:
    """Default deny both ways, but for Clients from anywhere, metrics in the cluster, the operator to the agent, and
    the base's own replicas of PRONOTE.net."""
    operator = {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_NAME_LABEL: ctx.options.operator_namespace}},
        "podSelector": {"matchLabels": dict(ctx.options.operator_pod_labels)},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": ctx.metadata(ctx.names.network_policy),
        "spec": {
            "podSelector": {"matchLabels": server_selector(ctx.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"ports": [_port(CLIENT_PORT)]},
                {"ports": [_port(METRICS_PORT)], "from": [{"namespaceSelector": {}}]},
                {"ports": [_port(AGENT_PORT)], "from": [operator]},
                {"ports": [_port(NET_PORT)], "from": [{"podSelector": {"matchLabels": replicas_of(ctx.name)}}]},
            ],
            # The API gives an empty list back as none; it is set all the same, so that rules added by hand are ours
            # to remove.
            "egress": [],
        },
    }


def _port(number: int) -> dict[str, Any]:
    return {"port": number, "protocol": "TCP"}
