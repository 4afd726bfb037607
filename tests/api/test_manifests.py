"""What the API server takes, how it completes it, and what it refuses in which words."""

import json
from collections.abc import Callable, Iterator

import pytest

from local_cluster.api import ApiError
from pronote_operator.api.crd import openapi_schema
from tests.api.conftest import Objects
from tests.api.manifests import (
    KIND_BY_NAME,
    Case,
    Manifest,
    collection_path,
    invalid_cases,
    merged,
    object_path,
    update_cases,
    valid_manifests,
    with_defaults,
)

VALID = valid_manifests()
INVALID = invalid_cases()
UPDATES = update_cases()


@pytest.fixture(params=sorted(VALID))
def manifest(request: pytest.FixtureRequest, objects: Objects) -> Iterator[Manifest]:
    manifest = VALID[request.param]
    objects.delete(manifest)
    yield manifest
    objects.delete(manifest)


def test_a_valid_manifest_is_kept_as_written_and_completed_by_its_defaults(
    objects: Objects, manifest: Manifest
) -> None:
    kind = KIND_BY_NAME[manifest["kind"]]
    schema = openapi_schema(kind)["properties"]["spec"]

    objects.create(collection_path(manifest), manifest)
    stored = objects.api.get(object_path(manifest))

    assert stored["spec"] == with_defaults(manifest["spec"], schema)
    # The model means the same by what was written as by what the API server made of it.
    assert kind.model.model_validate(stored).model_dump()["spec"] == _parsed_spec(manifest)


def test_applying_a_valid_manifest_again_changes_nothing(objects: Objects, manifest: Manifest) -> None:
    # Server-side apply takes null for a value, and refuses it. The first write after the creation stores the default of
    # the status, which the creation itself may not.
    written = _without_nulls(manifest)
    objects.apply(written)
    first = objects.apply(written)

    again = objects.apply(written)

    assert again == first
    assert again["metadata"]["generation"] == 1


def test_a_new_object_says_that_nobody_has_looked_at_it(objects: Objects, manifest: Manifest) -> None:
    claimed = {**manifest, "status": {"observedGeneration": 1}}

    created = objects.create(collection_path(manifest), claimed)

    assert created["status"] == {"observedGeneration": -1}
    assert (
        KIND_BY_NAME[manifest["kind"]].model.model_validate(created).model_dump()["status"]["observed_generation"] == -1
    )


def test_status_and_spec_are_written_apart(objects: Objects, manifest: Manifest) -> None:
    objects.create(collection_path(manifest), manifest)
    change = {"status": {"observedGeneration": 1}, "metadata": {"labels": {"not": "written"}}}

    objects.api.patch(f"{object_path(manifest)}/status", change)
    stored = objects.api.get(object_path(manifest))

    assert stored["status"] == {"observedGeneration": 1}
    assert stored["metadata"]["generation"] == 1


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.name)
def test_an_invalid_manifest_is_refused_in_words(objects: Objects, case: Case) -> None:
    message = _refusal(lambda: objects.create(collection_path(case.manifest), case.manifest, dry_run=True))

    assert [part for part in case.refused if part not in message] == [], message


@pytest.mark.parametrize("case", UPDATES, ids=lambda case: case.name)
def test_an_update_is_taken_or_refused_in_words(objects: Objects, case: Case) -> None:
    assert case.before
    objects.delete(case.before)
    created = objects.create(collection_path(case.before), case.before)
    version = {"metadata": {"resourceVersion": created["metadata"]["resourceVersion"]}}

    def update() -> Manifest:
        return objects.replace(object_path(case.manifest), merged(case.manifest, version), dry_run=True)

    if case.refused:
        message = _refusal(update)
        assert [part for part in case.refused if part not in message] == [], message
    else:
        assert update()["metadata"]["name"] == case.manifest["metadata"]["name"]


def test_there_are_many_cases_and_no_two_of_one_name() -> None:
    names = [case.name for case in INVALID]

    assert len(names) >= 90
    assert len(names) == len(set(names))


def _parsed_spec(manifest: Manifest) -> object:
    return KIND_BY_NAME[manifest["kind"]].model.model_validate(_without_nulls(manifest)).model_dump()["spec"]


def _without_nulls(manifest: Manifest) -> Manifest:
    def present(members: Manifest) -> Manifest:
        return {name: value for name, value in members.items() if value is not None}

    stripped: Manifest = json.loads(json.dumps(manifest), object_hook=present)
    return stripped


def _refusal(request: Callable[[], Manifest]) -> str:
    with pytest.raises(ApiError) as refused:
        request()
    assert refused.value.status in {400, 422}
    return str(refused.value)
