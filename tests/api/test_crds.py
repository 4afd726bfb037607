"""The API server takes the generated CRDs, and gives back the same."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local_cluster import Cluster
from tests.api.conftest import CRD_PATH, Objects
from tests.api.manifests import KIND_BY_NAME, Manifest

LARGEST = 200_000


@pytest.fixture(params=sorted(f"{kind.plural}.pronote.hosting" for kind in KIND_BY_NAME.values()))
def crd(request: pytest.FixtureRequest, crds: dict[str, Manifest]) -> Manifest:
    return crds[request.param]


def test_the_api_server_returns_the_crd_as_it_was_written(cluster: Cluster, crd: Manifest) -> None:
    returned = cluster.api().get(f"{CRD_PATH}/{crd['metadata']['name']}")

    assert returned["spec"] == crd["spec"]
    assert {name: returned["metadata"][name] for name in crd["metadata"]} == crd["metadata"]


def test_nothing_about_the_crd_is_held_against_it(cluster: Cluster, crd: Manifest) -> None:
    status = cluster.api().get(f"{CRD_PATH}/{crd['metadata']['name']}")["status"]

    assert {(condition["type"], condition["status"]) for condition in status["conditions"]} == {
        ("NamesAccepted", "True"),
        ("Established", "True"),
    }


def test_writing_the_crd_again_changes_nothing(cluster: Cluster, objects: Objects, crd: Manifest) -> None:
    path = f"{CRD_PATH}/{crd['metadata']['name']}"
    before = cluster.api().get(path)
    version = {"resourceVersion": before["metadata"]["resourceVersion"]}

    after = objects.replace(path, {**crd, "metadata": {**crd["metadata"], **version}})

    assert after["metadata"]["generation"] == before["metadata"]["generation"] == 1


def test_the_crd_is_small_enough_for_client_side_apply(crd: Manifest) -> None:
    assert len(json.dumps(crd)) < LARGEST


def test_kubectl_explain_has_words_for_every_field(cluster: Cluster) -> None:
    published = cluster.api().get("/openapi/v3/apis/pronote.hosting/v1alpha1")["components"]["schemas"]
    kinds = {name: schema for name, schema in published.items() if name.rsplit(".", 1)[-1] in KIND_BY_NAME}

    silent = [path for name, schema in kinds.items() for path in _without_words(schema, name.rsplit(".", 1)[-1])]

    assert len(kinds) == len(KIND_BY_NAME)
    assert silent == []


def test_kubectl_explains_a_field_in_our_words(cluster: Cluster) -> None:
    assert "7 digits and the check letter" in cluster.kubectl("explain", "pronotebase.spec.uai")


def test_the_category_lists_all_kinds_by_their_columns(cluster: Cluster) -> None:
    listed = cluster.kubectl("api-resources", "--categories=pronote", "--no-headers")

    assert {line.split()[1] for line in listed.splitlines()} == {"pnb", "pnpub", "pncas", "pnbp", "pnvc"}


def _without_words(schema: dict[str, Any], path: str) -> Iterator[str]:
    for name, member in schema.get("properties", {}).items():
        if not member.get("description", "").strip() and "allOf" not in member:
            yield f"{path}.{name}"
        yield from _without_words(member, f"{path}.{name}")
        yield from _without_words(member.get("items", {}), f"{path}.{name}[]")
        values = member.get("additionalProperties", {})
        yield from _without_words(values, f"{path}.{name}.*")
