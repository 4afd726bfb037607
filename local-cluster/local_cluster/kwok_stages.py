"""What kwok plays in a fake instance: nodes are ready at once, scheduled pods run, claims get volumes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import yaml

STORAGE_CLASSES = ("standard", "expandable")

_NODE_STATUS = """\
{{ $now := Now }}
phase: Running
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- type: Hostname
  address: {{ .metadata.name | Quote }}
allocatable: {cpu: "1000", memory: 1Ti, pods: "100000"}
capacity: {cpu: "1000", memory: 1Ti, pods: "100000"}
"""

_POD_STATUS = """\
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
{{ range $type := list "PodReadyToStartContainers" "Initialized" "ContainersReady" "Ready" }}
- type: {{ $type }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  {{ if eq .restartPolicy "Always" }}
  started: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  {{ else }}
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
  {{ end }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
{{ $address := ADDRESS }}
podIP: {{ $address | Quote }}
podIPs:
- ip: {{ $address | Quote }}
"""

_OWN_ADDRESS = "PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace"

_VOLUME = """\
apiVersion: v1
kind: PersistentVolume
metadata:
  name: pvc-{{ .metadata.uid }}
  annotations:
    pv.kubernetes.io/provisioned-by: local-cluster/fake
spec:
  accessModes:
  {{ YAML .spec.accessModes 1 }}
  capacity:
    storage: {{ .spec.resources.requests.storage | Quote }}
  persistentVolumeReclaimPolicy: Delete
  storageClassName: {{ .spec.storageClassName | Quote }}
  volumeMode: Filesystem
  claimRef:
    apiVersion: v1
    kind: PersistentVolumeClaim
    name: {{ .metadata.name | Quote }}
    namespace: {{ .metadata.namespace | Quote }}
    uid: {{ .metadata.uid | Quote }}
  hostPath:
    path: /nowhere
"""

Condition = str | dict[str, Any]
"""A CEL expression, or kwok's own kind of match where its CEL does not know the types."""

_NODE_NOT_READY: Condition = {
    "key": '.status.conditions.[] | select( .type == "Ready" ) | .status',
    "operator": "NotIn",
    "values": ["True"],
}
_ALIVE = "!has(self.metadata.deletionTimestamp)"
_OUR_CLASS = f"has(self.spec.storageClassName) && self.spec.storageClassName in {list(STORAGE_CLASSES)}"


@dataclass(frozen=True)
class Pods:
    """How pods live.

    Attributes:
        address: of all pods, where something plays what runs in them; None: each has its own, where nothing answers.
            Not a loopback one: Kubernetes allows none in the endpoints of a Service.
        start: seconds from being scheduled to being ready, at least and at most.
        end: seconds that a deleted pod goes on for, likewise.
    """

    address: str | None = None
    start: tuple[float, float] = (0.0, 0.0)
    end: tuple[float, float] = (0.0, 0.0)


def config(pods: Pods = Pods()) -> str:
    """kwok's configuration file."""
    return "---\n".join(str(yaml.safe_dump(stage, sort_keys=False, width=120)) for stage in stages(pods))


def stages(pods: Pods = Pods()) -> list[dict[str, Any]]:
    """The life of nodes, pods, claims and volumes."""
    address = f'"{ipaddress.ip_address(pods.address)}"' if pods.address is not None else _OWN_ADDRESS
    pod_status = _POD_STATUS.replace("ADDRESS", address)
    return [
        _stage("node-ready", "Node", [_NODE_NOT_READY], [_status(_NODE_STATUS)]),
        _stage("pod-runs", "Pod", [_ALIVE, "self.status.phase == 'Pending'"], [_status(pod_status)], pods.start),
        _stage("pod-ends", "Pod", ["has(self.metadata.deletionTimestamp)"], [{"delete": True}], pods.end),
        _stage(
            "claim-gets-volume",
            "PersistentVolumeClaim",
            [_ALIVE, _OUR_CLASS, "!has(self.spec.volumeName)"],
            [{"apply": {"template": _VOLUME}}],  # Kubernetes itself binds the two
        ),
        _stage(
            "volume-released",
            "PersistentVolume",
            [_ALIVE, _OUR_CLASS, "has(self.status.phase) && self.status.phase == 'Released'"],
            [{"delete": True}],
        ),
    ]


def _status(template: str) -> dict[str, Any]:
    return {"patch": {"root": "status", "subresource": "status", "template": template}}


def _stage(
    name: str,
    kind: str,
    conditions: list[Condition],
    steps: list[dict[str, Any]],
    pause: tuple[float, float] = (0.0, 0.0),
) -> dict[str, Any]:
    least, most = (round(seconds * 1000) for seconds in pause)
    # kwok takes the jitter for the longest pause, not for what is added to the shortest.
    delay = {"delay": {"durationMilliseconds": least, "jitterDurationMilliseconds": most}} if most else {}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": [_match(condition) for condition in conditions]},
            **delay,
            "steps": steps,
        },
    }


def _match(condition: Condition) -> dict[str, Any]:
    return {"cel": {"expression": condition}} if isinstance(condition, str) else condition
