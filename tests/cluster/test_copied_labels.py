"""Labels alone make no object the operator's: whoever copied them keeps what is theirs."""

from __future__ import annotations

import json

import pytest

from tests.cluster.schools import School

pytestmark = pytest.mark.beside


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
    return json.dumps(school.child(kind, name), sort_keys=True)
