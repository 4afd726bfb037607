"""The end state of a base, comparable between two runs: without names of the run, times and randomness."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pronote_operator.api.constants import LABEL_BASE
from pronote_operator.builders.names import ANNOTATION_POD_TEMPLATE, ANNOTATION_ROLL_INPUTS
from pronote_operator.planning.hashing import text_hash
from tests.cluster.schools import School
from tests.support.kube import Object

OURS = "app.kubernetes.io/managed-by=pronote-operator"
CHILD_KINDS = ("PersistentVolumeClaim", "Secret", "ConfigMap", "Service", "NetworkPolicy", "StatefulSet")

TIME = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,}Z")


def end_state(school: School) -> dict[str, Any]:
    """The status of the base and all objects that are ours and its own, each by kind and name.

    Raises:
        AssertionError: they contradict each other (an owner that is another base, parameters of another authority).
    """
    base = school.get()
    authority = school.secret(f"{school.name}-tls", "ca.crt")
    found = {f"{kind} {item['metadata']['name']}": item for kind in CHILD_KINDS for item in _ours(school, kind)}
    children = {name: _child(item, str(base["metadata"]["uid"])) for name, item in found.items()}
    status = {**base["status"], "conditions": {c["type"]: _without_time(c) for c in base["status"]["conditions"]}}
    text = json.dumps({"status": status, "generation": base["metadata"]["generation"], "children": children})
    text = text.replace(json.dumps(json.dumps(authority))[3:-3], "AUTHORITY").replace(school.namespace, "NAMESPACE")
    state: dict[str, Any] = json.loads(TIME.sub("TIME", text))
    return state


def renamed(state: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A state with names of the run replaced by names that every run has; regular expressions by what is put there."""
    text = json.dumps(state)
    for pattern, name in names.items():
        text = re.sub(pattern, name, text)
    changed: dict[str, Any] = json.loads(text)
    return changed


def since(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The state `after`, with generations counted from those of an earlier state of the same base."""
    first = before["generation"]

    def counted(one: Any, other: Any) -> Any:
        if not isinstance(other, dict):
            return other
        one = one if isinstance(one, dict) else {}
        found = {name: counted(one.get(name), value) for name, value in other.items()}
        if isinstance(generation := other.get("generation"), int):
            found["generation"] = generation - (one.get("generation") or 0)
        if "observedGeneration" in other:
            found["observedGeneration"] = other["observedGeneration"] - first
        return found

    changed: dict[str, Any] = counted(before, after)
    return changed


def secrets(school: School) -> dict[str, dict[str, str]]:
    """The content of the Secrets that are there now."""
    return {item["metadata"]["name"]: item["data"] for item in _ours(school, "Secret")}


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two states differ, in words."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{path}.{key}")]
    return [] if one == other else [f"{path}: {str(one)[:300]} / {str(other)[:300]}"]


def _ours(school: School, kind: str) -> list[Object]:
    selector = f"{OURS},{LABEL_BASE}={school.name}"
    return [{**item, "kind": kind} for item in school.kube.list(kind, school.namespace, selector=selector)]


def _child(item: Object, owner: str) -> dict[str, Any]:
    metadata = item["metadata"]
    owners = metadata.get("ownerReferences", [])
    assert all(reference["uid"] == owner for reference in owners), owners
    spec = dict(item.get("spec", {}))
    for given in ("clusterIP", "clusterIPs", "volumeName"):
        if spec.get(given) not in ("None", ["None"]):
            spec.pop(given, None)
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k.startswith("pronote.hosting/")}
    if ANNOTATION_POD_TEMPLATE in annotations:
        digest, _, template = annotations[ANNOTATION_POD_TEMPLATE].partition(" ")
        assert digest == text_hash(template), "the stored pod template is intact"
        annotations[ANNOTATION_POD_TEMPLATE] = template
        assert re.fullmatch("[0-9a-f]+", annotations.pop(ANNOTATION_ROLL_INPUTS))
    return {
        "labels": metadata["labels"],
        "annotations": annotations,
        "owners": [{**reference, "uid": "UID"} for reference in owners],
        "spec": spec,
        "data": sorted(item["data"]) if item["kind"] == "Secret" else item.get("data"),
        # How often the spec was changed.
        "generation": metadata.get("generation"),
    }


def _without_time(condition: Object) -> dict[str, Any]:
    return {name: value for name, value in condition.items() if name != "lastTransitionTime"}
