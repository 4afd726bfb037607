"""What the operator's creations rely on: an apply at a version that was never stored creates, and changes nothing."""

from collections.abc import AsyncIterator

import pytest

from bench.hand import operators_client
from local_cluster import Cluster
from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import BY_KIND

SPECS: dict[str, Object] = {
    "ConfigMap": {"data": {"settings.json": "{}"}},
    "Secret": {"data": {"token": "b3Vycw=="}},
    "Service": {"spec": {"selector": {"app": "ours"}, "ports": [{"name": "client", "port": 49300}]}},
    "NetworkPolicy": {"spec": {"podSelector": {"matchLabels": {"app": "ours"}}}},
    "PersistentVolumeClaim": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Mi"}}},
    },
    "StatefulSet": {
        "spec": {
            "replicas": 0,
            "serviceName": "ours",
            "selector": {"matchLabels": {"app": "ours"}},
            "template": {
                "metadata": {"labels": {"app": "ours"}},
                "spec": {"containers": [{"name": "ours", "image": "localhost/ours"}]},
            },
        }
    },
}


def manifest(kind: str, name: str) -> Object:
    metadata = {"name": name, "namespace": "default", "labels": {"app": "ours"}}
    return {"apiVersion": BY_KIND[kind].api_version, "kind": kind, "metadata": metadata, **SPECS[kind]}


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with operators_client(cluster.kubeconfig) as client:
        yield client


@pytest.mark.parametrize("kind", SPECS)
async def test_what_is_not_there_is_created_as_by_any_apply(client: KubeClient, kind: str) -> None:
    wanted = manifest(kind, "created")
    created = await client.apply_new(wanted)
    assert created is not None
    assert [(e["manager"], e["operation"]) for e in created["metadata"]["managedFields"]] == [
        ("pronote-operator", "Apply")
    ]
    again = await client.apply(wanted)
    assert again["metadata"]["managedFields"] == created["metadata"]["managedFields"], "as by any apply"


@pytest.mark.parametrize("kind", SPECS)
async def test_what_is_there_is_left_as_it_is(client: KubeClient, kind: str) -> None:
    wanted = manifest(kind, "there")
    theirs = {**wanted, "metadata": {**wanted["metadata"], "labels": {"app": "theirs"}}}
    before = await client.apply_as("theirs", BY_KIND[kind], theirs)
    assert await client.apply_new(wanted) is None
    assert await client.get(BY_KIND[kind], "default", "there") == before
