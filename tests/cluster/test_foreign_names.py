"""Somebody else's object stands under each of a base's thirteen names: all are left as they are, and all bases heal.

One base for each name, all at once: what is in the way may be of a kind that nobody watches, so that healing takes up
to a minute, which is waited for once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.schools import SMALL, School, child_names
from tests.cluster.stage import Stage
from tests.support.kube import Object, describe

pytestmark = pytest.mark.beside

HEALED_SECONDS = 60.0 + 30.0
"""A stalled base is looked at again after a minute; the rest is for thirteen of them on a busy machine."""

SUFFIXES = [(kind, name.removeprefix("n")) for kind, name in child_names("n")]
THEIRS = {"app": "theirs"}
BODIES: dict[str, dict[str, Any]] = {
    "PersistentVolumeClaim": {
        "apiVersion": "v1",
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Mi"}}},
    },
    "Secret": {"apiVersion": "v1", "stringData": {"token": "theirs", "username": "theirs", "password": "theirs"}},
    "ConfigMap": {"apiVersion": "v1", "data": {"settings.json": "theirs"}},
    "Service": {"apiVersion": "v1", "spec": {"selector": THEIRS, "ports": [{"port": 80}]}},
    "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": {"matchLabels": THEIRS}}},
    "StatefulSet": {
        "apiVersion": "apps/v1",
        "spec": {
            "replicas": 0,
            "serviceName": "theirs",
            "selector": {"matchLabels": THEIRS},
            "template": {
                "metadata": {"labels": THEIRS},
                "spec": {"containers": [{"name": "theirs", "image": "localhost/theirs", "resources": SMALL}]},
            },
        },
    },
}


@dataclass(frozen=True)
class InTheWay:
    """A base and the object that stands under one of its names."""

    school: School
    kind: str
    name: str
    before: Object

    def now(self) -> Object | None:
        return self.school.kube.get(self.kind, self.name, self.school.namespace)


@pytest.fixture(scope="module")
def blocked(stage: Stage) -> Iterator[dict[str, InTheWay]]:
    """The thirteen, by kind and suffix; the objects were there before their bases."""
    with stage.space("foreign") as space, stage.operator(space) as operator:
        operator.wait_leading()
        made = {}
        for number, (kind, suffix) in enumerate(SUFFIXES):
            school = School(stage.cluster, stage.kube, space, f"base{number}", {"inService": False})
            name = school.name + suffix
            metadata = {"name": name, "namespace": space, "labels": THEIRS, "annotations": {"theirs": "yes"}}
            stage.kube.apply({**BODIES[kind], "kind": kind, "metadata": metadata}, manager="theirs")
            made[_title(kind, suffix)] = InTheWay(
                school, kind, name, _untouched_by_controllers(stage, kind, name, space)
            )
        for each in made.values():
            each.school.apply()
        yield made


def _title(kind: str, suffix: str) -> str:
    return f"{kind}{suffix}"


def _untouched_by_controllers(stage: Stage, kind: str, name: str, space: str) -> Object:
    """The object once the cluster's own controllers have written what they have to say of it."""

    def settled(found: Object) -> bool:
        if kind == "StatefulSet":
            return bool(found.get("status", {}).get("observedGeneration") == 1)
        return kind != "PersistentVolumeClaim" or bool(found.get("status", {}).get("phase"))

    return stage.kube.wait_for(kind, name, settled, space, timeout=30, what="its controllers have seen it")


@pytest.mark.parametrize("title", [_title(*child) for child in SUFFIXES])
def test_the_base_is_stalled_and_names_it(blocked: dict[str, InTheWay], title: str) -> None:
    case = blocked[title]
    message = case.school.wait_stalled("ForeignObject")
    assert f"{case.kind} {case.name} " in message
    assert case.school.pod is None


@pytest.mark.parametrize("title", [_title(*child) for child in SUFFIXES])
def test_it_stays_as_it_is_to_the_byte(blocked: dict[str, InTheWay], title: str) -> None:
    """Its resource version too: nothing was written at all, not even the same again."""
    case = blocked[title]
    # Seen twice, the second time for a change of the spec: the operator has had every occasion.
    case.school.wait_stalled("ForeignObject")
    case.school.apply(displayName="Lycée Jean Moulin").wait_stalled("ForeignObject")
    now = case.now()
    assert json.dumps(now, sort_keys=True) == json.dumps(case.before, sort_keys=True), describe(now)


def test_a_base_gets_ready_by_itself_when_it_is_gone(blocked: dict[str, InTheWay]) -> None:
    for case in blocked.values():
        case.school.wait_stalled("ForeignObject")
        case.school.kube.delete(case.kind, case.name, case.school.namespace, wait=30)
    for case in blocked.values():
        case.school.wait_ready("OutOfService", timeout=HEALED_SECONDS)
        now = case.now()
        assert now is not None, f"{case.kind} {case.name} is made now"
        assert now["metadata"]["labels"]["pronote.hosting/base"] == case.school.name
        assert now["metadata"]["uid"] != case.before["metadata"]["uid"]
