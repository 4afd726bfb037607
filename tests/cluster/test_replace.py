"""`kubectl replace` of a base in service doubles nothing and restarts nothing; and no finalizer of ours exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.schools import School
from tests.support.kube import Object

pytestmark = pytest.mark.beside

OF_KUBERNETES = {"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"}
"""Kubernetes holds a claim that a pod uses."""

KINDS = ("persistentvolumeclaim", "secret", "configmap", "service", "networkpolicy", "statefulset", "pod")


def _all(school: School) -> dict[tuple[str, str], Object]:
    """Everything of the base's, by kind and name."""
    selector = f"pronote.hosting/base={school.name}"
    return {
        (kind, found["metadata"]["name"]): found
        for kind in KINDS
        for found in school.kube.list(kind, school.namespace, selector=selector)
    }


def _uids(school: School) -> dict[tuple[str, str], str]:
    return {identity: found["metadata"]["uid"] for identity, found in _all(school).items()}


def _replace(school: School, folder: Path, **spec: Any) -> None:
    """As a person who keeps the base in a file, without what the API server added to it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "base.yaml"
    school.spec |= spec
    file.write_text(yaml.safe_dump(school.manifest))
    school.kube.kubectl("replace", "-f", str(file))


def test_a_replaced_base_keeps_everything_it_has(standing: School, folder: Path) -> None:
    before = _uids(standing)
    assert len(before) == len(standing.children) + 1, "the children and the pod"
    uid = standing.get()["metadata"]["uid"]
    for round_ in range(3):
        _replace(standing, folder, displayName=f"Collège n° {round_}")
        found = standing.wait_settled()
        assert found["metadata"]["uid"] == uid
        settings = standing.child("ConfigMap", f"{standing.name}-settings")["data"]["settings.json"]
        assert f"Collège n° {round_}" in settings
        assert _uids(standing) == before
    assert standing.restarts == 0


def test_a_base_replaced_by_the_very_same_manifest_costs_no_write(standing: School, folder: Path) -> None:
    _replace(standing, folder)
    standing.wait_settled()
    versions = {identity: found["metadata"]["resourceVersion"] for identity, found in _all(standing).items()}
    generation = standing.get()["metadata"]["generation"]
    _replace(standing, folder)
    assert standing.wait_settled()["metadata"]["generation"] == generation
    assert {identity: found["metadata"]["resourceVersion"] for identity, found in _all(standing).items()} == versions


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_nothing_of_a_base_has_a_finalizer_that_could_hang(standing: School, policy: str) -> None:
    standing.apply(deletionPolicy=policy)
    found = standing.wait_settled()
    assert not found["metadata"].get("finalizers")
    assert not any(key.startswith("kopf") for key in found["metadata"].get("annotations", {}))
    for identity, child in _all(standing).items():
        assert set(child["metadata"].get("finalizers", ())) <= OF_KUBERNETES, identity
