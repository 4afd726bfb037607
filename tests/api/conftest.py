"""An API server of its own (etcd and kube-apiserver, nothing else) with the CRDs of crds/."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local_cluster import Cluster
from local_cluster.api import Api, ApiError
from tests.api.manifests import Manifest, object_path

CRDS = Path(__file__).parents[2] / "crds"
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Objects:
    """Creates, replaces and deletes objects as `kubectl --validate=strict` would."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def create(self, path: str, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Return the object as the API server answers it; ApiError when it refuses."""
        return self._send("POST", path, manifest, dry_run)

    def replace(self, path: str, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Return the object as the API server answers it; ApiError when it refuses."""
        return self._send("PUT", path, manifest, dry_run)

    def apply(self, manifest: Manifest) -> Manifest:
        """Apply on the server's side, as GitOps tools and Helm do, and return the object."""
        query = "?fieldManager=somebody&fieldValidation=Strict"
        kind = "application/apply-patch+yaml"
        answer: Manifest = json.loads(self.api.request("PATCH", object_path(manifest) + query, manifest, kind))
        return answer

    def delete(self, manifest: Manifest) -> None:
        """Delete what `manifest` names; nothing happens when it is not there."""
        try:
            self.api.request("DELETE", object_path(manifest))
        except ApiError as error:
            if error.status != 404:
                raise

    def _send(self, method: str, path: str, manifest: Manifest, dry_run: bool) -> Manifest:
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        answer: Manifest = json.loads(self.api.request(method, path + query, manifest))
        return answer


@pytest.fixture(scope="session")
def crds() -> dict[str, Manifest]:
    """The CRDs of crds/ by name."""
    manifests = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    return {manifest["metadata"]["name"]: manifest for manifest in manifests}


@pytest.fixture(scope="session")
def cluster(crds: dict[str, Manifest]) -> Iterator[Cluster]:
    """An API server that serves the five kinds."""
    cluster = Cluster(instance="api-tests", api_only=True)
    cluster.down()
    cluster.up()
    try:
        objects = Objects(cluster.api())
        for manifest in crds.values():
            objects.create(CRD_PATH, manifest)
        _await_kinds(cluster.api(), crds)
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def objects(cluster: Cluster) -> Objects:
    """Requests to that API server."""
    return Objects(cluster.api())


def _await_kinds(api: Api, crds: dict[str, Manifest], patience: float = 30.0) -> None:
    """Wait, for at most `patience` seconds, until objects of every kind are served and described."""
    deadline = time.monotonic() + patience
    waiting = {manifest["spec"]["names"]["kind"] for manifest in crds.values()}
    while waiting:
        assert time.monotonic() < deadline, f"not served after {patience} s: {waiting}"
        time.sleep(0.05)
        try:
            described = api.get("/openapi/v3/apis/pronote.hosting/v1alpha1")["components"]["schemas"]
            served = api.get("/apis/pronote.hosting/v1alpha1")["resources"]
        except ApiError:
            continue
        known = {name.rsplit(".", 1)[-1] for name in described} & {resource["kind"] for resource in served}
        waiting -= known
