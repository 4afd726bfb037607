"""Traefik as a real controller of Ingress and Gateway API, beside the pods of a real instance; only for those who ask.

It runs on the node, as kubelet and name server do, and answers on the node's address at the usual ports: a URL there
needs no port. What a client says about its own address (`X-Forwarded-For`) is replaced, which is Traefik's default.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from local_cluster import addons, addresses, pins, toolchain
from local_cluster.api import Manifest
from local_cluster.errors import LocalClusterError
from local_cluster.paths import Instance, State
from local_cluster.processes import ProcessSpec
from local_cluster.progress import Progress

NAME = "traefik"
CLASS = "traefik"
"""Name of the IngressClass and of the GatewayClass."""

HTTP_PORT, HTTPS_PORT = 80, 443
"""At the node's address. A Gateway's listeners must be of these ports."""

PING_PORT = 26399
"""On loopback, below the ports of fake instances."""

API_MODULE = "sigs.k8s.io/gateway-api"

GROUP = "gateway.networking.k8s.io"


def process(state: State, instance: Instance) -> ProcessSpec:
    """Traefik."""
    kubeconfig = instance.kubeconfig(NAME)
    return ProcessSpec(
        NAME,
        [
            str(state.bin / NAME),
            f"--entrypoints.web.address={addresses.NODE_IP}:{HTTP_PORT}",
            f"--entrypoints.websecure.address={addresses.NODE_IP}:{HTTPS_PORT}",
            f"--entrypoints.ping.address={addresses.LOOPBACK}:{PING_PORT}",
            "--entrypoints.websecure.http.tls=true",
            "--entrypoints.web.asdefault=true",
            "--entrypoints.websecure.asdefault=true",
            "--ping.entrypoint=ping",
            "--providers.kubernetesgateway=true",
            f"--providers.kubernetesgateway.statusaddress.ip={addresses.NODE_IP}",
            "--providers.kubernetesingress=true",
            f"--providers.kubernetesingress.ingressclass={CLASS}",
            f"--providers.kubernetesingress.ingressendpoint.ip={addresses.NODE_IP}",
            "--providers.providersthrottleduration=100ms",  # tests wait for every change
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
        ],
        environment={"KUBECONFIG": str(kubeconfig)},
        inputs=(kubeconfig,),
    )


def answers() -> bool:
    """Whether Traefik says that it is alive."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{addresses.LOOPBACK}:{PING_PORT}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def kinds(state: State, progress: Progress) -> list[Manifest]:
    """The kinds of the Gateway API (standard channel), out of the module that Traefik is built with.

    Raises:
        LocalClusterError: the module can be fetched no more.
    """
    folder = _module(state, progress) / "config" / "crd" / "standard"
    return [yaml.safe_load(path.read_text()) for path in sorted(folder.glob(f"{GROUP}_*.yaml"))]


def manifests() -> list[Manifest]:
    """What Traefik may do, and the two classes that it serves."""
    read, status = ["get", "list", "watch"], ["update", "patch"]
    routes = ["gatewayclasses", "gateways", "httproutes", "grpcroutes", "referencegrants"]
    rules: list[dict[str, Any]] = [
        {"apiGroups": [""], "resources": ["services", "secrets", "configmaps", "nodes", "namespaces"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingressclasses"], "verbs": read},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": status},
        {"apiGroups": [GROUP], "resources": routes, "verbs": read},
        {"apiGroups": [GROUP], "resources": [f"{name}/status" for name in routes], "verbs": status},
    ]
    return [
        *addons.rights(NAME, rules),
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": CLASS},
            "spec": {"controller": "traefik.io/ingress-controller"},
        },
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "traefik.io/gateway-controller"},
        },
    ]


def _module(state: State, progress: Progress) -> Path:
    """Folder of the Gateway API's module, at the version and with the checksum that Traefik's pins name."""
    go = toolchain.find(state, progress)
    done = subprocess.run(
        [str(go.program), "mod", "download", "-json", API_MODULE],
        cwd=pins.TRAEFIK.pins,
        env={**toolchain.build_environment(go), "GOFLAGS": "-mod=readonly"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LocalClusterError(f"{API_MODULE} cannot be fetched:", (done.stdout + done.stderr).strip())
    return Path(json.loads(done.stdout)["Dir"])
