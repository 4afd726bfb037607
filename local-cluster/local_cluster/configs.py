"""Configuration files of the components, as text. Pure: the same input gives the same text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from local_cluster import addresses, kwok_stages
from local_cluster.host import Host
from local_cluster.paths import Instance

NODE_TOOLS_IMAGE = "localhost/node-tools:dev"
"""Holds pods' namespaces, and makes folders for local-path-provisioner."""

VOLUMES_NAMESPACE = "local-path-storage"


def render(instance: Instance, host: Host | None) -> dict[str, str]:
    """All configuration files of an instance.

    Args:
        instance: whose.
        host: the machine's facts; None for a fake instance.

    Returns:
        file name → text.
    """
    if host is None:
        return {"kwok.yaml": kwok_stages.config()}
    return {
        "audit-policy.yaml": audit_policy(),
        "containerd.toml": containerd(instance, host),
        "10-local.conflist": cni(instance),
        "kubelet.yaml": kubelet(instance),
        "kube-proxy.yaml": kube_proxy(instance),
        "Corefile": corefile(instance),
        "local-path.json": local_path(instance),
        "local-path-helper.yaml": local_path_helper(),
    }


def audit_policy() -> str:
    """Everything at level Metadata: who did what to which object and whether it was allowed, never a body."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
            {"level": "Metadata"},
        ],
    }
    return _yaml(policy)


def containerd(instance: Instance, host: Host) -> str:
    """containerd with all its state below the instance, so that `down` finds every mount of it."""
    root = instance.root / "containerd"
    return f"""\
version = 2
root = {_quoted(root / "root")}
state = {_quoted(root / "state")}

[grpc]
  address = {_quoted(instance.containerd_socket)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{NODE_TOOLS_IMAGE}"
  netns_mounts_under_state_dir = true
  # A machine that may not lower an OOM score cannot give a sandbox the protected one it asks for.
  restrict_oom_score_adj = {"false" if host.may_lower_oom_score else "true"}
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{host.snapshotter}"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = {_quoted(instance.root / "cni")}
"""


def cni(instance: Instance) -> str:
    """Pods on one bridge, not masqueraded: they reach each other, the node and nothing else."""
    network = {
        "cniVersion": "0.4.0",
        "name": addresses.CNI_NETWORK,
        "plugins": [
            {
                "type": "bridge",
                "bridge": addresses.BRIDGE,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(instance.root / "cni-addresses"),
                    "ranges": [[{"subnet": addresses.NODE_POD_CIDR, "gateway": addresses.NODE_IP}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    return json.dumps(network, indent=1) + "\n"


def kubelet(instance: Instance) -> str:
    """The kubelet: cgroupfs on both versions of cgroups (there may be no systemd), all its files below the instance."""
    root = instance.root / "kubelet"
    return _yaml(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": addresses.NODE_IP,
            "healthzBindAddress": addresses.LOOPBACK,
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "failSwapOn": False,
            "maxPods": 250,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(instance.pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(instance.pki / "kubelet-server.crt"),
            "tlsPrivateKeyFile": str(instance.pki / "kubelet-server.key"),
            "containerRuntimeEndpoint": f"unix://{instance.containerd_socket}",
            "clusterDNS": [addresses.DNS_SERVICE_IP],
            "clusterDomain": "cluster.local",
            "resolvConf": "/dev/null",
            "podLogsDir": str(root / "pod-logs"),
            "volumePluginDir": str(root / "volume-plugins"),
            # Changed ConfigMaps and Secrets reach their volumes within seconds: tests wait for them.
            "configMapAndSecretChangeDetectionStrategy": "Watch",
            "syncFrequency": "5s",
            "serializeImagePulls": False,
            "kubeAPIQPS": 100,
            "kubeAPIBurst": 200,
            # There is no registry to fetch an image from again: none may be collected, and a full disk must show.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
        }
    )


def kube_proxy(instance: Instance) -> str:
    """kube-proxy with iptables: its nftables mode wants a newer nft than Debian 12 has."""
    return _yaml(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": addresses.POD_CIDR,
            "clientConnection": {"kubeconfig": str(instance.kubeconfig("kube-proxy"))},
            "hostnameOverride": addresses.NODE_NAME,
            "healthzBindAddress": f"{addresses.LOOPBACK}:10256",
            "metricsBindAddress": f"{addresses.LOOPBACK}:10249",
            "conntrack": {"maxPerCore": 0},
        }
    )


def corefile(instance: Instance) -> str:
    """Names of the cluster only; anything else does not exist, at once, since pods reach nothing outside."""
    return f"""\
cluster.local:53 in-addr.arpa:53 {{
    bind {addresses.NODE_IP}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {instance.kubeconfig("coredns")}
        pods insecure
        ttl 5
    }}
}}
.:53 {{
    bind {addresses.NODE_IP}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def local_path(instance: Instance) -> str:
    """Where volumes are made, and by which program of the helper image."""
    volumes = {
        "nodePathMap": [{"node": addresses.NODE_NAME, "paths": [str(instance.root / "volumes")]}],
        "setupCommand": "/node-tools",
        "teardownCommand": "/node-tools",
        "cmdTimeoutSeconds": 60,
    }
    return json.dumps(volumes, indent=1) + "\n"


def local_path_helper() -> str:
    """The pod that makes or removes the folder of a volume."""
    return _yaml(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "volume"},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "priorityClassName": "system-node-critical",
                "containers": [
                    {"name": "folder", "image": NODE_TOOLS_IMAGE, "imagePullPolicy": "Never"},
                ],
            },
        }
    )


def _yaml(content: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(content), sort_keys=False, width=120))


def _quoted(value: object) -> str:
    return json.dumps(str(value))
