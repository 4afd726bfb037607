"""The pod of a base: `prepare`, then the agent as a native sidecar, then the server (design, section 3)."""

from __future__ import annotations

from typing import Any

from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.dataplan import data_plan_json
from pronote_operator.builders.mounts import SECRET_MODE, key_items, secret_volume
from pronote_operator.builders.names import (
    ADMIN_PORT,
    AGENT_PORT,
    AGENT_TOKEN_KEY,
    CLIENT_PORT,
    DATA_PLAN_VARIABLE,
    LABEL_VERSION,
    METRICS_PORT,
    NET_KEYS,
    NET_PORT,
    SETTINGS_KEY,
    SITE_KEY,
    SNAPSHOT_KEY_KEY,
    SUPERADMIN_KEYS,
    TLS_KEYS,
    child_labels,
    server_selector,
)
from pronote_operator.builders.sources import source_affinity, source_environment, source_mounts, source_volumes
from pronote_operator.planning.quantities import canonical_quantity, quantity_value

UID = 10001
TERMINATION_GRACE_SECONDS = 40
"""The server stops within 30 s (instance contract v1); the agent and the kubelet get the rest."""

VOLUME_PATH = "/var/lib/pronote"
SNAPSHOTS_PATH = "/var/lib/snapshots"
CONFIG_PATH = "/etc/pronote"

SERVER_RESOURCES = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
AGENT_RESOURCES = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
"""Idle, the agent needs what it requests; borg needs the rest for minutes: its index of chunks is kept in memory."""
PREPARE_RESOURCES = AGENT_RESOURCES

CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": UID,
    "runAsGroup": UID,
    "fsGroup": UID,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod_template(ctx: BuildContext) -> dict[str, Any]:
    """The newest pod template for a base; a running base may keep an older one (see `pinning`)."""
    labels = child_labels(ctx.name) | server_selector(ctx.name) | {LABEL_VERSION: ctx.release.version}
    return {
        "metadata": {"labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": POD_SECURITY,
            "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
            "initContainers": [_prepare(ctx), _agent(ctx)],
            "containers": [_server(ctx)],
            "volumes": _volumes(ctx),
            **source_affinity(ctx),
        },
    }


def _prepare(ctx: BuildContext) -> dict[str, Any]:
    return _container(
        ctx,
        "prepare",
        image=ctx.agent_image,
        command=["pronote-prepare"],
        env={DATA_PLAN_VARIABLE: data_plan_json(ctx), **_STORAGE, **source_environment(ctx)},
        mounts=[_DATA_MOUNT, _SNAPSHOTS_MOUNT, _config_mount("snapshot-key"), *source_mounts(ctx), _TMP_MOUNT],
        resources=PREPARE_RESOURCES,
    )


def _agent(ctx: BuildContext) -> dict[str, Any]:
    container = _container(
        ctx,
        "agent",
        image=ctx.agent_image,
        command=["pronote-agent"],
        env={
            "PRONOTE_ADMIN_URL": f"http://127.0.0.1:{ADMIN_PORT}",
            "PRONOTE_AGENT_TOKEN_FILE": f"{CONFIG_PATH}/agent/{AGENT_TOKEN_KEY}",
            "PRONOTE_TLS": f"{CONFIG_PATH}/tls",
            "PRONOTE_UAI": ctx.base.spec.uai,
            **_STORAGE,
        },
        mounts=[
            _DATA_MOUNT,
            _SNAPSHOTS_MOUNT,
            _config_mount("agent"),
            _config_mount("snapshot-key"),
            _config_mount("tls"),
            _TMP_MOUNT,
        ],
        resources=AGENT_RESOURCES,
    )
    return container | {
        "restartPolicy": "Always",
        "ports": [_port("metrics", METRICS_PORT), _port("agent", AGENT_PORT)],
        # The server starts once the agent answers, because the server's own probes go through it.
        "startupProbe": _probe("/livez", period=1, failures=120),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=2),
    }


def _server(ctx: BuildContext) -> dict[str, Any]:
    container = _container(
        ctx,
        "server",
        image=ctx.release.image,
        command=["pronote-server", "serve"],
        env={
            "PRONOTE_DATA": f"{VOLUME_PATH}/years",
            "PRONOTE_SCHOOL_YEAR": str(ctx.school_year),
            "PRONOTE_UAI": ctx.base.spec.uai,
            "PRONOTE_CHECKPOINTS": f"{VOLUME_PATH}/checkpoints",
            "PRONOTE_SETTINGS": f"{CONFIG_PATH}/settings/{SETTINGS_KEY}",
            "PRONOTE_SUPERADMIN": f"{CONFIG_PATH}/superadmin",
            "PRONOTE_TLS": f"{CONFIG_PATH}/tls",
            "PRONOTE_CLIENT_PORT": str(CLIENT_PORT),
            "PRONOTE_ADMIN_PORT": str(ADMIN_PORT),
            "PRONOTE_NET_PORT": str(NET_PORT),
            "PRONOTE_NET": f"{CONFIG_PATH}/net",
            "PRONOTE_SITE": f"{CONFIG_PATH}/site/{SITE_KEY}",
        },
        mounts=[
            _DATA_MOUNT,
            _config_mount("settings"),
            _config_mount("superadmin"),
            _config_mount("tls"),
            _config_mount("net"),
            _config_mount("site"),
            _TMP_MOUNT,
        ],
        resources=server_resources(ctx),
    )
    return container | {
        "ports": [_port("client", CLIENT_PORT), _port("net", NET_PORT)],
        # The admin API is on loopback, out of the kubelet's reach: the agent answers for it. A large base may take
        # minutes to open (ten here) before the liveness probe counts.
        "startupProbe": _probe("/server/livez", period=1, failures=600),
        "livenessProbe": _probe("/server/livez", period=10, failures=6),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def server_resources(ctx: BuildContext) -> dict[str, dict[str, str]]:
    """Requests and limits of the server: those of the spec, and the defaults for what it does not name.

    A default gives way to the spec's other half: a request above the default limit raises that limit, a limit below
    the default request lowers that request, so that the pod is always valid and always limited.
    """
    chosen = ctx.base.spec.resources
    requests = {name: canonical_quantity(amount) for name, amount in chosen.requests.to_manifest().items()}
    limits = {name: canonical_quantity(amount) for name, amount in chosen.limits.to_manifest().items()}
    for name, limit in SERVER_RESOURCES["limits"].items():
        limits.setdefault(name, max(limit, requests.get(name, limit), key=quantity_value))
    for name, request in SERVER_RESOURCES["requests"].items():
        requests.setdefault(name, min(request, limits[name], key=quantity_value))
    return {"requests": requests, "limits": limits}


def _volumes(ctx: BuildContext) -> list[dict[str, Any]]:
    names = ctx.names
    return [
        {"name": "data", "persistentVolumeClaim": {"claimName": names.data_claim}},
        {"name": "snapshots", "persistentVolumeClaim": {"claimName": names.snapshots_claim}},
        {
            "name": "settings",
            "configMap": {"name": names.settings, "defaultMode": SECRET_MODE, "items": key_items(SETTINGS_KEY)},
        },
        secret_volume("superadmin", ctx.superadmin_secret, *SUPERADMIN_KEYS),
        secret_volume("tls", names.tls_secret, *TLS_KEYS),
        secret_volume("net", names.net_secret, *NET_KEYS),
        {
            "name": "site",
            "configMap": {
                "name": names.site,
                "defaultMode": SECRET_MODE,
                "items": key_items(SITE_KEY),
                # Nothing may be published; and what is may come, and go, while the server runs.
                "optional": True,
            },
        },
        secret_volume("agent", names.agent_secret, AGENT_TOKEN_KEY),
        secret_volume("snapshot-key", names.snapshot_key_secret, SNAPSHOT_KEY_KEY),
        *source_volumes(ctx),
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
    ]


def _container(
    ctx: BuildContext,
    name: str,
    *,
    image: str,
    command: list[str],
    env: dict[str, str],
    mounts: list[dict[str, Any]],
    resources: dict[str, dict[str, str]],
) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": name,
        "image": image,
        "command": command,
        "env": [{"name": variable, "value": value} for variable, value in env.items()],
        "resources": resources,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": mounts,
    }
    if ctx.options.image_pull_policy:
        container["imagePullPolicy"] = ctx.options.image_pull_policy
    return container


def _config_mount(volume: str) -> dict[str, Any]:
    return {"name": volume, "mountPath": f"{CONFIG_PATH}/{volume}", "readOnly": True}


_DATA_MOUNT = {"name": "data", "mountPath": VOLUME_PATH}
_SNAPSHOTS_MOUNT = {"name": "snapshots", "mountPath": SNAPSHOTS_PATH}
_TMP_MOUNT = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 (an emptyDir of the pod)
_STORAGE = {
    "PRONOTE_VOLUME": VOLUME_PATH,
    "PRONOTE_SNAPSHOTS": SNAPSHOTS_PATH,
    "PRONOTE_SNAPSHOT_KEY_FILE": f"{CONFIG_PATH}/snapshot-key/{SNAPSHOT_KEY_KEY}",
}


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": METRICS_PORT, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }
