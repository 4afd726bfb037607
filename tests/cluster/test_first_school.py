"""From `kubectl apply` of a school to a Client that logs in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.schools import BASE, School
from tests.cluster.stage import VERSION, server_image
from tests.support.kube import condition_of, describe
from tests.support.operator_process import OperatorProcess

pytestmark = pytest.mark.beside


def test_a_new_base_is_not_taken_for_ready_before_any_operator_has_seen_it(school: School) -> None:
    created = school.apply().get()
    assert created["status"]["observedGeneration"] == -1
    assert not created["status"].get("conditions")


@pytest.mark.usefixtures("operator")
def test_an_applied_base_becomes_ready_with_all_its_children(school: School) -> None:
    ready = school.apply().wait_ready()

    for kind, name in school.children:
        labels = school.child(kind, name)["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "pronote-operator", name
        assert labels["app.kubernetes.io/name"] == "pronote", name
        assert labels["pronote.hosting/base"] == school.name, name
    status = ready["status"]
    assert status["observedGeneration"] == ready["metadata"]["generation"] == 1
    assert {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]} == {
        "Ready": ("True", "InService"),
        "InService": ("True", "Serving"),
        "UpToDate": ("True", "Current"),
        "BackedUp": ("False", "NoPolicy"),
    }, describe(ready)
    assert {c["observedGeneration"] for c in status["conditions"]} == {1}
    host = f"{school.name}-client.{school.namespace}.svc"
    assert status["endpoints"] == {
        "client": {"host": host, "port": 49300},
        "parametersConfigMap": f"{school.name}-parameters",
    }
    assert status["superAdminSecretName"] == f"{school.name}-superadmin"
    assert status["version"] == {"desired": VERSION, "current": VERSION}
    assert status["effective"] == {"versionChannel": "stable", "calendar": "metropole", "image": server_image()}
    parameters = json.loads(school.child("ConfigMap", f"{school.name}-parameters")["data"]["parameters.json"])
    assert (parameters["host"], parameters["port"], parameters["uai"]) == (host, 49300, school.uai)


def test_a_client_logs_in_with_the_parameters_and_the_generated_password(standing: School, folder: Path) -> None:
    logged_in = standing.log_in(folder, "superadmin", standing.password)
    assert logged_in.returncode == 0, logged_in.stdout + logged_in.stderr

    who = standing.client(folder, "whoami")
    assert who.returncode == 0, who.stderr
    assert "superadmin" in who.stdout
    assert standing.uai in who.stdout


def test_a_login_shows_in_the_metrics_of_the_base(standing: School, folder: Path) -> None:
    sample = 'pronote_logins_total{application="Client",espace="",mode="administratif",result="success"}'
    before = standing.metric(sample)
    assert standing.log_in(folder, "superadmin", standing.password).returncode == 0
    standing.wait_metric(sample, before + 1, timeout=10)
    assert standing.metric('pronote_connections{application="Client",espace="",mode="administratif"}') >= 1


def test_a_wrong_password_is_refused_and_counted(standing: School, folder: Path) -> None:
    sample = 'pronote_logins_total{application="Client",espace="",mode="administratif",result="refused"}'
    before = standing.metric(sample)
    assert standing.log_in(folder, "superadmin", "not-the-Password-1").returncode == 3
    standing.wait_metric(sample, before + 1, timeout=10)


def test_the_printed_columns_say_what_is_in_service(standing: School) -> None:
    printed = standing.kube.kubectl("get", "pnb", standing.name, "-n", standing.namespace)
    header, line = printed.splitlines()
    assert header.split()[:4] == ["NAME", "READY", "VERSION", "YEAR"]
    assert line.split()[:3] == [standing.name, "True", VERSION]


def test_tools_that_read_kstatus_wait_for_it(school: School, operator: OperatorProcess) -> None:
    school.apply()
    school.kube.kubectl("wait", BASE, school.name, "-n", school.namespace, "--for=condition=Ready", "--timeout=90s")
    assert condition_of(school.get(), "Ready")["status"] == "True"
    assert operator.running
