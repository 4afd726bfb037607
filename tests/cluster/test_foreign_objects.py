"""An object that belongs to somebody else stands under a child's name: the base says so, and touches nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.schools import SMALL, School, child_names
from tests.cluster.stage import Stage
from tests.support.kube import Object

PODS = {"app": "theirs"}
BODIES: dict[str, dict[str, Any]] = {
    "PersistentVolumeClaim": {
        "apiVersion": "v1",
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Mi"}}},
    },
    "Secret": {"apiVersion": "v1", "stringData": {"username": "theirs", "password": "theirs"}},
    "ConfigMap": {"apiVersion": "v1", "data": {"settings.json": "theirs"}},
    "Service": {"apiVersion": "v1", "spec": {"selector": PODS, "ports": [{"port": 80}]}},
    "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": {"matchLabels": PODS}}},
    "StatefulSet": {
        "apiVersion": "apps/v1",
        "spec": {
            "replicas": 0,
            "serviceName": "theirs",
            "selector": {"matchLabels": PODS},
            "template": {
                "metadata": {"labels": PODS},
                "spec": {"containers": [{"name": "theirs", "image": "localhost/theirs", "resources": SMALL}]},
            },
        },
    },
}


@pytest.fixture(scope="module")
def served(stage: Stage) -> Iterator[str]:
    """A namespace with an operator."""
    with stage.space() as name, stage.operator(name) as process:
        process.wait_leading()
        yield name


@pytest.mark.parametrize(("kind", "suffix"), [(k, n.removeprefix("moulin")) for k, n in child_names("moulin")])
def test_the_base_is_stalled_and_names_it_and_it_stays_byte_for_byte(
    stage: Stage, served: str, kind: str, suffix: str
) -> None:
    own = "foreign-" + (kind[:3].lower() + suffix).replace("-", "")
    school = School(stage.cluster, stage.kube, served, own)
    name = school.name + suffix
    theirs = {**BODIES[kind], "kind": kind, "metadata": {"name": name, "namespace": served, "labels": {"app": "x"}}}
    stage.kube.apply(theirs, manager="theirs")
    before = _bytes(school, kind, name)

    message = school.apply().wait_stalled("ForeignObject")
    assert kind in message
    assert name in message
    assert _bytes(school, kind, name) == before

    stage.kube.delete(kind, name, served, wait=30)
    school.wait_ready(timeout=90)
    school.delete()


@pytest.mark.usefixtures("operator")
def test_an_object_with_the_operators_labels_but_not_written_by_it_is_foreign_too(school: School) -> None:
    labels = {"app.kubernetes.io/managed-by": "pronote-operator", "pronote.hosting/base": school.name}
    name = f"{school.name}-settings"
    metadata = {"name": name, "namespace": school.namespace, "labels": labels}
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"settings.json": "theirs"}}
    school.kube.apply(theirs, manager="theirs")
    before = _bytes(school, "ConfigMap", name)
    assert name in school.apply().wait_stalled("ForeignObject")
    assert _bytes(school, "ConfigMap", name) == before


def _bytes(school: School, kind: str, name: str) -> str:
    """The object as stored, but for what the cluster's own controllers write (a claim gets bound)."""
    found: Object = school.child(kind, name)
    return json.dumps({key: value for key, value in found.items() if key != "status"}, sort_keys=True)
