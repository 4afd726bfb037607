"""Eight bases under an operator that is upgraded: from an earlier commit, and to a version with other defaults.

Not one is restarted, and no StatefulSet is written: not its spec, not even its resource version.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.audit import AuditLog
from tests.cluster.fleets import bring_up, in_each, schools_of
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.earlier_version import earlier_version
from tests.support.kube import Object
from tests.support.later_version import COMMAND, VARIABLE
from tests.support.operator_process import OperatorProcess

OTHER_IMAGE = "localhost/pronote-operator:other"
LATER_IMAGE = "localhost/pronote-operator:later"


@pytest.fixture(scope="module")
def eight(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[list[School]]:
    """In service, made by the operator of an earlier commit, which has ended."""
    earlier = earlier_version(tmp_path_factory.mktemp("earlier"))
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\nupgraded from {earlier}")
    with stage.space("upgraded") as space:
        before = stage.operator(space)
        before.environment["PYTHONPATH"] = f"{earlier.path}:{before.environment.get('PYTHONPATH', '')}"
        schools = schools_of(stage, space)
        with before:
            before.wait_leading()
            bring_up(schools)
            before.terminate()
        yield schools


def test_from_an_earlier_commit_no_school_is_restarted(stage: Stage, audit: AuditLog, eight: list[School]) -> None:
    operator = stage.operator(eight[0].namespace, image=OTHER_IMAGE)
    _upgrade(operator, audit, eight, "Collège mis à niveau")


def test_to_a_version_with_other_defaults_no_school_is_restarted(
    stage: Stage, audit: AuditLog, eight: list[School]
) -> None:
    operator = stage.operator(eight[0].namespace, image=LATER_IMAGE, image_pull_policy="Never", command=COMMAND)
    _upgrade(operator, audit, eight, "Collège encore mis à niveau")

    # It is such a version: a base that is started anyway has all of it.
    first = eight[0]
    with stage.operator(first.namespace, image=LATER_IMAGE, image_pull_policy="Never", command=COMMAND) as later:
        later.wait_leading()
        first.apply(inService=False).wait_ready("OutOfService")
        first.apply(inService=True)

        def started(found: Object) -> bool:
            return bool(found["spec"]["replicas"] == 1)

        found = first.kube.wait_for("StatefulSet", first.name, started, first.namespace, timeout=20)
        pod = found["spec"]["template"]["spec"]
        assert {container["image"] for container in pod["initContainers"]} == {LATER_IMAGE}
        for container in (*pod["initContainers"], *pod["containers"]):
            assert VARIABLE in {variable["name"] for variable in container["env"]}


def _upgrade(operator: OperatorProcess, audit: AuditLog, eight: list[School], title: str) -> None:
    """Let another operator take over, and see that it looks at everything and restarts nobody."""
    before = in_each(eight, _running)
    upgraded = dt.datetime.now(dt.UTC).isoformat()
    with operator:
        operator.wait_leading()
        # A change that comes through proves that the base was looked at, and a repair that its children were.
        for school in eight:
            school.kube.delete("Service", f"{school.name}-client", school.namespace)
            school.apply(displayName=f"{title}, {school.name}")
        for school in eight:
            school.wait_settled()
            settings = school.child("ConfigMap", f"{school.name}-settings")["data"]["settings.json"]
            assert f"{title}, {school.name}" in settings
            school.kube.wait_for("Service", f"{school.name}-client", lambda _: True, school.namespace, timeout=15)
        after = in_each(eight, _running)
        operator.terminate()

    for one, other in zip(before, after, strict=True):
        assert other == one
    writes = [
        f"{access.verb} {access.resource} {access.name} by {access.user}"
        for access in audit.accesses(namespace=eight[0].namespace)
        if access.resource in ("statefulsets", "pods")
        and access.verb in ("create", "patch", "update", "delete")
        and access.time > upgraded
    ]
    assert not writes


def _running(school: School) -> dict[str, Any]:
    """What must stay as it is: the whole StatefulSet with its resource version, the pod, and no restart."""
    pod = school.pod
    assert pod is not None, f"{school.name} runs"
    containers = (*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"])
    return {
        "statefulset": school.child("StatefulSet", school.name),
        "pod": pod["metadata"]["uid"],
        "containers": {one["name"]: (one["containerID"], one["restartCount"]) for one in containers},
    }
