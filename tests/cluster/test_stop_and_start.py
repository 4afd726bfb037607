"""What a base has been told outlives its server: stopped, started, killed, or its pod deleted."""

from __future__ import annotations

import pytest

from tests.cluster.schools import School
from tests.support.kube import condition_of, describe
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

PASSWORD = "Rentree-2026-cahier"


@pytest.fixture
def with_a_user(standing: School) -> School:
    """The base in service, with a teacher."""
    standing.apply(inService=True).wait_ready()
    if "claire" not in standing.users():
        standing.add_user("claire", PASSWORD)
    return standing


def test_a_stopped_base_is_ready_out_of_service_and_its_data_are_there_when_it_starts_again(
    with_a_user: School,
) -> None:
    school = with_a_user
    claims = {name: school.child(kind, name)["metadata"]["uid"] for kind, name in school.children[:2]}

    stopped = school.apply(inService=False).wait_ready("OutOfService")
    assert school.pod is None
    assert condition_of(stopped, "InService")["status"] == "False", describe(stopped)
    assert condition_of(stopped, "InService")["reason"] == "Stopped"
    assert stopped["status"]["bases"][0]["state"] == "Kept"

    started = school.apply(inService=True).wait_ready()
    assert condition_of(started, "InService")["status"] == "True", describe(started)
    assert started["status"]["bases"][0]["state"] == "InService"
    assert "claire" in school.users()
    assert {name: school.child(kind, name)["metadata"]["uid"] for kind, name in school.children[:2]} == claims


def test_a_base_created_out_of_service_waits_for_its_start(standing: School) -> None:
    waiting = School(standing.cluster, standing.kube, standing.namespace, "waiting")
    waiting.apply(inService=False).wait_ready("OutOfService")
    assert waiting.pod is None
    waiting.apply(inService=True).wait_ready()
    waiting.delete()


def test_a_pod_deleted_by_force_comes_back_with_the_data_on_the_same_volume(with_a_user: School) -> None:
    school = with_a_user
    volume = school.child("PersistentVolumeClaim", f"{school.name}-data")["spec"]["volumeName"]
    before = school.pod_uid

    school.kube.kubectl("delete", "pod", f"{school.name}-0", "-n", school.namespace, "--force", "--grace-period=0")
    wait_until(lambda: school.pod_uid not in (None, before), 30, what="another pod", last=lambda: describe(school.pod))
    school.wait("InService", "False", timeout=30)
    school.wait_ready()
    assert school.child("PersistentVolumeClaim", f"{school.name}-data")["spec"]["volumeName"] == volume
    assert "claire" in school.users()


def test_a_server_process_that_is_killed_is_started_again_on_its_data(with_a_user: School) -> None:
    school = with_a_user
    pod = school.pod_uid
    before = school.restarts
    school.kill_server()
    wait_until(
        lambda: school.restarts > before, 60, what="the server's container restarts", last=lambda: describe(school.pod)
    )
    school.wait_ready()
    assert school.pod_uid == pod, "the pod itself stays"
    assert "claire" in school.users()
