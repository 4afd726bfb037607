"""Tools of others wait for a base and change it: Helm, kubectl in all its ways, and nobody gets in anybody's way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.schools import BASE, School
from tests.cluster.stage import Stage
from tests.support.kube import Kube, Object, condition_of, describe
from tests.support.operator_process import OperatorProcess

CHART = Path(__file__).parent / "charts" / "school"


@pytest.fixture
def helm_school(stage: Stage, space: str) -> Iterator[School]:
    """The base of a release that is not installed yet; uninstalled at the end."""
    school = School(stage.cluster, stage.kube, space, "moulin")
    yield school
    stage.helm("uninstall", school.name, "--namespace", space, "--ignore-not-found", "--wait")


def values(**given: object) -> list[str]:
    return [part for name, value in given.items() for part in ("--set", f"{name}={value}")]


def spec_managers(found: Object) -> set[str]:
    """Field managers that own something in the spec."""
    return {entry["manager"] for entry in found["metadata"]["managedFields"] if "f:spec" in entry["fieldsV1"]}


def own_managers(found: Object) -> list[Object]:
    """What the operator owns of the object."""
    return [entry for entry in found["metadata"]["managedFields"] if entry["manager"] == "pronote-operator"]


def test_helm_waits_until_the_base_is_really_ready(
    stage: Stage, helm_school: School, operator: OperatorProcess
) -> None:
    stage.helm("install", helm_school.name, str(CHART), "--namespace", helm_school.namespace, "--wait")
    found = helm_school.get()
    assert condition_of(found, "Ready")["status"] == "True", describe(found)
    pod = helm_school.pod
    assert pod is not None
    assert all(status["ready"] for status in pod["status"]["containerStatuses"]), describe(pod)


def test_helm_fails_when_no_operator_runs(stage: Stage, helm_school: School) -> None:
    done = stage.helm(
        "install",
        helm_school.name,
        str(CHART),
        "--namespace",
        helm_school.namespace,
        "--wait",
        "--timeout",
        "10s",
        check=False,
    )
    assert done.returncode != 0
    found = helm_school.get()
    assert found["status"] == {"observedGeneration": -1}, "nobody looked at it, and it says so"
    assert "not ready" in done.stderr.lower() or "deadline" in done.stderr.lower(), done.stderr


def test_helm_fails_at_once_and_says_why_when_a_person_must_mend_something(
    stage: Stage, helm_school: School, operator: OperatorProcess
) -> None:
    weak = {"username": "chef", "password": "court"}
    stage.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "mine", "namespace": helm_school.namespace},
            "stringData": weak,
        }
    )
    begun = time.monotonic()
    done = stage.helm(
        "install",
        helm_school.name,
        str(CHART),
        "--namespace",
        helm_school.namespace,
        "--wait",
        "--timeout",
        "120s",
        *values(superAdminSecretName="mine"),
        check=False,
    )
    took = time.monotonic() - begun
    assert done.returncode != 0
    assert took < 40, f"helm gave up after {took:.0f} s only"
    assert "characters" in helm_school.wait_stalled("WeakSuperAdminPassword")
    assert weak["password"] not in done.stdout + done.stderr


def test_upgrades_applies_and_replaces_in_turns_never_conflict_and_the_spec_is_never_the_operators(
    stage: Stage, helm_school: School, operator: OperatorProcess, tmp_path: Path
) -> None:
    space, name = helm_school.namespace, helm_school.name
    kube: Kube = stage.kube

    def helm(teachers: int) -> None:
        # Whoever applied by force or replaced has taken the field, which Helm may take back; never from the operator.
        stage.helm(
            *("upgrade", "--install", name, str(CHART), "--namespace", space, "--wait", "--force-conflicts"),
            *values(teachers=teachers),
        )

    def file(teachers: int) -> str:
        found = helm_school.get()
        spec = {**found["spec"], "licences": {**found["spec"]["licences"], "teachers": teachers}}
        kept = {key: found["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
        manifest = {"apiVersion": found["apiVersion"], "kind": BASE, "metadata": kept, "spec": spec}
        path = tmp_path / "base.yaml"
        path.write_text(yaml.safe_dump(manifest))
        return str(path)

    helm(30)
    pod = helm_school.pod_uid
    password = helm_school.password
    teachers = 30
    for _ in range(3):
        teachers += 1
        helm(teachers)
        teachers += 1
        kube.kubectl("apply", "-f", file(teachers))
        teachers += 1
        kube.kubectl("apply", "--server-side", "--force-conflicts", "-f", file(teachers))
        teachers += 1
        kube.kubectl("replace", "-f", file(teachers))
        helm_school.wait_ready()
        found = helm_school.get()
        assert found["spec"]["licences"]["teachers"] == teachers
        assert "pronote-operator" not in spec_managers(found)
        for entry in own_managers(found):
            assert entry["subresource"] == "status", entry
            assert set(entry["fieldsV1"]) == {"f:status"}, entry
    assert helm_school.pod_uid == pod, "nothing was restarted"
    assert helm_school.password == password, "nothing was made anew"
    settings = helm_school.child("ConfigMap", f"{name}-settings")["data"]["settings.json"]
    assert f'"teachers":{teachers}' in settings
