"""What the kubectl plugin writes, at a real API server: whose fields they are, and what it leaves to others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from local_cluster import Cluster
from pronote_operator.api.constants import ANNOTATION_SNAPSHOT_REQUEST
from pronote_operator.cli.main import cli
from tests.api.conftest import Objects
from tests.api.manifests import Manifest, object_path, valid_manifests

SCHOOL = valid_manifests()["pronotebase-minimal"]
ARCHIVE = "archive-20261123T0130Z"
OLDER = "archive-20261122T0130Z"

Plugin = Callable[..., Result]


@pytest.fixture
def plugin(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """`kubectl pronote …` as the administrator; it does not wait, since no operator runs."""
    kubeconfig = str(cluster.kubeconfig)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    monkeypatch.setenv("KUBECONFIG", kubeconfig)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [*arguments, "-n", SCHOOL["metadata"]["namespace"], "--no-wait"])

    return run


@pytest.fixture
def school(objects: Objects) -> Iterator[Callable[[], Manifest]]:
    """A base that somebody applied and that has two snapshots; reads it."""
    objects.delete(SCHOOL)
    objects.apply(SCHOOL)
    status = {"snapshots": {"names": [OLDER, ARCHIVE]}, "effective": {"backupPolicy": "default"}}
    objects.api.patch(f"{object_path(SCHOOL)}/status", {"status": {"observedGeneration": 1, **status}})
    yield lambda: objects.api.get(object_path(SCHOOL))
    objects.delete(SCHOOL)


def owned(base: Manifest, manager: str) -> dict[str, Any]:
    """The fields that a manager holds by server-side apply."""
    entries = base["metadata"]["managedFields"]
    return next((e["fieldsV1"] for e in entries if e["manager"] == manager and e["operation"] == "Apply"), {})


def test_a_restore_becomes_the_plugins_own_and_nothing_else_does(
    plugin: Plugin, school: Callable[[], Manifest]
) -> None:
    before = school()["spec"]
    done = plugin("restore", SCHOOL["metadata"]["name"], ARCHIVE, "--request-id", "a", "--apply")
    assert done.exit_code == 0, done.output
    after = school()
    assert after["spec"] == {**before, "restore": {"requestId": "a", "snapshot": ARCHIVE}}
    assert set(owned(after, "kubectl-pronote")) == {"f:spec"}
    assert set(owned(after, "kubectl-pronote")["f:spec"]) == {"f:restore"}


def test_whoever_applied_the_base_goes_on_applying_it(
    plugin: Plugin, school: Callable[[], Manifest], objects: Objects
) -> None:
    plugin("restore", SCHOOL["metadata"]["name"], ARCHIVE, "--request-id", "a", "--apply")
    objects.apply(SCHOOL)
    assert school()["spec"]["restore"]["requestId"] == "a"


def test_the_same_command_again_changes_nothing(plugin: Plugin, school: Callable[[], Manifest]) -> None:
    for _ in range(2):
        done = plugin("restore", SCHOOL["metadata"]["name"], ARCHIVE, "--apply")
        assert done.exit_code == 0, done.output
    assert school()["metadata"]["generation"] == 2


def test_a_restore_that_another_tool_holds_is_left_to_it(
    plugin: Plugin, school: Callable[[], Manifest], objects: Objects
) -> None:
    held = {"requestId": "git", "snapshot": OLDER}
    objects.apply({**SCHOOL, "spec": {**SCHOOL["spec"], "restore": held}})
    refused = plugin("restore", SCHOOL["metadata"]["name"], ARCHIVE, "--apply")
    assert refused.exit_code == 1
    assert '"somebody"' in refused.stderr
    assert yaml.safe_load(refused.stdout)["spec"]["restore"]["snapshot"] == ARCHIVE
    assert school()["spec"]["restore"] == held
    taken = plugin("restore", SCHOOL["metadata"]["name"], ARCHIVE, "--apply", "--force-conflicts")
    assert taken.exit_code == 0, taken.output
    assert school()["spec"]["restore"]["snapshot"] == ARCHIVE


def test_what_is_printed_can_be_applied_as_it_is(
    plugin: Plugin, school: Callable[[], Manifest], objects: Objects
) -> None:
    printed = yaml.safe_load(plugin("restore", SCHOOL["metadata"]["name"], ARCHIVE).stdout)
    path = f"{object_path(printed)}?fieldManager=person&fieldValidation=Strict"
    answer = json.loads(objects.api.request("PATCH", path, printed, "application/apply-patch+yaml"))
    assert answer["spec"]["restore"] == printed["spec"]["restore"]


def test_an_extra_snapshot_is_an_annotation_and_survives_a_restore_request(
    plugin: Plugin, school: Callable[[], Manifest]
) -> None:
    asked = plugin("backup", SCHOOL["metadata"]["name"], "--archive")
    assert asked.exit_code == 0, asked.output
    name = asked.stdout.strip()
    assert school()["metadata"]["annotations"] == {ANNOTATION_SNAPSHOT_REQUEST: name}
    assert school()["metadata"]["generation"] == 1, "no spec was written"
    plugin("restore", SCHOOL["metadata"]["name"], ARCHIVE, "--apply")
    assert school()["metadata"]["annotations"] == {ANNOTATION_SNAPSHOT_REQUEST: name}
