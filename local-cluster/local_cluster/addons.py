"""The objects that an instance has from the start: name service, storage classes, rights, fake nodes."""

from __future__ import annotations

from typing import Any

from local_cluster import addresses
from local_cluster.api import Api, Manifest
from local_cluster.configs import VOLUMES_NAMESPACE
from local_cluster.options import Options

PROVISIONER = "rancher.io/local-path"


def install(api: Api, options: Options) -> None:
    """Applies the objects of an instance; without effect when they are there."""
    for manifest in manifests(options):
        api.apply(manifest)


def manifests(options: Options) -> list[Manifest]:
    """The objects of an instance."""
    if options.api_only:
        return []
    if options.fake:
        return [*storage_classes(fake=True), *(fake_node(number) for number in range(options.nodes))]
    return [*name_service(), *volumes()]


def name_service() -> list[Manifest]:
    """CoreDNS runs on the node, beside the pods: a Service without selector leads to it."""
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [{"name": f"dns-{protocol.lower()}", "port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**metadata, "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": addresses.DNS_SERVICE_IP, "ports": ports},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [addresses.NODE_IP], "conditions": {"ready": True}}],
        "ports": ports,
    }
    watch = ["list", "watch"]
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": watch},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": watch},
    ]
    return [service, endpoints, *rights("coredns", rules)]


def volumes() -> list[Manifest]:
    """Storage classes and what local-path-provisioner needs to serve them."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": VOLUMES_NAMESPACE,
            # Its helper pods mount a folder of the node.
            "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
        },
    }
    read, write = ["get", "list", "watch"], ["create", "patch", "update", "delete"]
    provisioner_rules = [
        {"apiGroups": [""], "resources": ["nodes", "persistentvolumeclaims", "configmaps", "pods"], "verbs": read},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": [*read, *write]},
        {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": [*read, *write]},
        {"apiGroups": [""], "resources": ["events", "endpoints"], "verbs": [*read, *write]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": [*read, *write]},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": read},
    ]
    growth_rules = [
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["persistentvolumes", "persistentvolumeclaims/status"], "verbs": ["patch"]},
    ]
    return [
        namespace,
        *rights("local-path-provisioner", provisioner_rules),
        *rights("volume-growth", growth_rules),
        *storage_classes(fake=False),
    ]


def storage_classes(*, fake: bool) -> list[Manifest]:
    """`standard`, the default, whose volumes keep their size; and `expandable`, whose volumes may grow."""
    return [
        _storage_class("standard", default=True, expandable=False, fake=fake),
        _storage_class("expandable", default=False, expandable=True, fake=fake),
    ]


def fake_node(number: int) -> Manifest:
    """A node that only kwok plays."""
    name = f"fake-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "type": "kwok"},
        },
        "spec": {},
    }


def _storage_class(name: str, *, default: bool, expandable: bool, fake: bool) -> Manifest:
    annotations = {"storageclass.kubernetes.io/is-default-class": str(default).lower()}
    if not fake:
        # Of type "local" rather than "hostPath": the kubelet then hands the folder to the pod's fsGroup.
        annotations["defaultVolumeType"] = "local"
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": "local-cluster/fake" if fake else PROVISIONER,
        "volumeBindingMode": "Immediate" if fake else "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
        "allowVolumeExpansion": expandable,
    }


def user_name(component: str) -> str:
    """As which user a component talks to the API server."""
    return f"local-cluster:{component}"


def rights(component: str, rules: list[dict[str, Any]]) -> list[Manifest]:
    """A role with these rules for a component, and its binding."""
    name = user_name(component)
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
    }
    return [role, binding]
