"""A release reaches a stopped base when it is started; an upgrade of the operator reaches none that serves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import NEXT_VERSION, VERSION, Stage, channel
from tests.support.operator_process import OperatorProcess

pytestmark = pytest.mark.beside

ROLL_SECONDS = 240.0


@pytest.fixture
def track(stage: Stage, space: str) -> Iterator[str]:
    """A channel of the test's own."""
    stage.kube.apply(channel(space))
    yield space
    stage.kube.delete("VersionChannel", space, None)


def test_a_stopped_base_takes_the_release_with_its_next_start(
    stage: Stage, track: str, school: School, operator: OperatorProcess
) -> None:
    school.apply(versionChannel=track, inService=False).wait_ready("OutOfService")
    stage.kube.apply(channel(track, VERSION, NEXT_VERSION))
    started = school.apply(inService=True).wait_ready()
    assert started["status"]["version"] == {"desired": NEXT_VERSION, "current": NEXT_VERSION}
    assert operator.running


def test_an_operator_of_another_image_restarts_no_school(stage: Stage, school: School) -> None:
    with stage.operator(school.namespace) as before:
        before.wait_leading()
        school.apply().wait_ready()
        before.terminate()
    pod, statefulset = school.pod_uid, school.child("StatefulSet", school.name)

    other = "localhost/pronote-operator:another"
    with stage.operator(school.namespace, image=other, image_pull_policy="Never") as after:
        after.wait_leading()
        # It has surely looked at everything when a change has come through.
        school.apply(displayName="Sous le nouvel opérateur").wait_settled()
        settings = school.child("ConfigMap", f"{school.name}-settings")["data"]["settings.json"]
        assert "Sous le nouvel opérateur" in settings
        assert school.child("StatefulSet", school.name)["spec"] == statefulset["spec"]
        assert school.pod_uid == pod

        # A base that is started anyway gets the newest template.
        school.apply(inService=False).wait_ready("OutOfService")
        school.apply(inService=True)
        found = school.kube.wait_for(
            "StatefulSet",
            school.name,
            lambda found: found["spec"]["replicas"] == 1,
            school.namespace,
            timeout=20,
            what="it is started",
        )
        images = {container["image"] for container in found["spec"]["template"]["spec"]["initContainers"]}
        assert images == {other}
