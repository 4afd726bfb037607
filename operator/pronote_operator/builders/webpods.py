"""The replicas of PRONOTE.net: their Deployment, and how many of them may go at once."""

from __future__ import annotations

from typing import Any

from pronote_operator.builders.context import Manifest
from pronote_operator.builders.mounts import secret_volume
from pronote_operator.builders.names import LABEL_VERSION, NET_PORT, NET_TOKEN_KEY, TLS_KEYS, web_selector
from pronote_operator.builders.podtemplate import CONFIG_PATH, CONTAINER_SECURITY, POD_SECURITY
from pronote_operator.builders.webcontext import WebContext

VISITORS_PORT = 8000
STATUS_PORT = 8080
"""Probes and metrics; visitors do not get there."""
WEB_RESOURCES = {"requests": {"cpu": "25m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
DRAIN_SECONDS = 10
"""How long a replica that is to end still takes visitors: proxies hear of it a moment later than the replica does."""
BUSY_SECONDS = 60
"""How long a replica may leave probes without an answer. One that many visitors keep busy answers late, and so do all
the others: were they taken out, or started again, nobody would be served at all. One that has ended is out at once,
probes or not."""
TERMINATION_GRACE_SECONDS = DRAIN_SECONDS + 30


def web_deployment(ctx: WebContext) -> Manifest:
    """The replicas. They keep nothing, so that one more is there before one goes, and nobody notices."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": ctx.metadata(ctx.names.web),
        "spec": {
            "replicas": ctx.publication.spec.replicas,
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": 300,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": web_selector(ctx.name)},
            "template": {
                "metadata": {"labels": ctx.labels | web_selector(ctx.name) | {LABEL_VERSION: ctx.release.version}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": POD_SECURITY,
                    "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
                    "topologySpreadConstraints": [
                        _spread(ctx, "kubernetes.io/hostname"),
                        _spread(ctx, "topology.kubernetes.io/zone"),
                    ],
                    "containers": [_web(ctx)],
                    "volumes": [
                        secret_volume("net", ctx.base_names.net_secret, NET_TOKEN_KEY),
                        secret_volume("authority", ctx.base_names.tls_secret, TLS_KEYS[2]),
                        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
                    ],
                },
            },
        },
    }


def web_budget(ctx: WebContext) -> Manifest | None:
    """Nodes are drained one replica at a time; None when there is one replica, which could never be moved."""
    if ctx.publication.spec.replicas < 2:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": ctx.metadata(ctx.names.web),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": web_selector(ctx.name)},
        },
    }


def _web(ctx: WebContext) -> dict[str, Any]:
    proxied = ctx.http_route is not None or ctx.ingress is not None
    env = {
        "PRONOTE_NET_LISTEN": str(VISITORS_PORT),
        "PRONOTE_NET_STATUS": str(STATUS_PORT),
        "PRONOTE_NET_SERVER": f"https://{ctx.base_names.agent_service}.{ctx.namespace}.svc:{NET_PORT}",
        "PRONOTE_NET_PATH": ctx.publication.spec.path,
        "PRONOTE_NET_TOKEN": f"{CONFIG_PATH}/net/{NET_TOKEN_KEY}",
        "PRONOTE_NET_CA": f"{CONFIG_PATH}/authority/{TLS_KEYS[2]}",
        # Without a route of ours visitors come by themselves, and what they say of their address is not believed.
        "PRONOTE_NET_TRUSTED_PROXIES": ",".join(ctx.options.trusted_proxies) if proxied else "",
        "PRONOTE_NET_TRUSTED_HOPS": str(ctx.options.trusted_proxy_hops),
    }
    container: dict[str, Any] = {
        "name": "web",
        "image": ctx.release.image,
        "command": ["pronote-server", "net"],
        "env": [{"name": name, "value": value} if value else {"name": name} for name, value in env.items()],
        "ports": [_port("http", VISITORS_PORT), _port("metrics", STATUS_PORT)],
        "resources": WEB_RESOURCES,
        "securityContext": CONTAINER_SECURITY,
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "startupProbe": _probe("/livez", period=1, failures=60, timeout=3),
        "livenessProbe": _probe("/livez", period=10, failures=BUSY_SECONDS // 10, timeout=10),
        "readinessProbe": _probe("/readyz", period=5, failures=BUSY_SECONDS // 5, timeout=5),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "net", "mountPath": f"{CONFIG_PATH}/net", "readOnly": True},
            {"name": "authority", "mountPath": f"{CONFIG_PATH}/authority", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (an emptyDir of the pod)
        ],
    }
    if ctx.options.image_pull_policy:
        container["imagePullPolicy"] = ctx.options.image_pull_policy
    return container


def _spread(ctx: WebContext, key: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": web_selector(ctx.name)},
    }


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _probe(path: str, *, period: int, failures: int, timeout: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": STATUS_PORT, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }
