"""An upgrade of the operator brings another image for `agent` and `prepare`: no school is restarted for it."""

from __future__ import annotations

import datetime as dt

from tests.cluster.audit import AuditLog
from tests.cluster.schools import School
from tests.cluster.stage import OPERATOR_IMAGE, Stage

OTHER_IMAGE = "localhost/pronote-operator:other"


def test_it_writes_no_statefulset_and_restarts_no_pod(stage: Stage, audit: AuditLog, school: School) -> None:
    with stage.operator(school.namespace) as before:
        before.wait_leading()
        school.apply().wait_ready()
        before.terminate()
    pod, stateful = school.pod_uid, school.child("StatefulSet", school.name)
    upgraded = dt.datetime.now(dt.UTC).isoformat()

    with stage.operator(school.namespace, image=OTHER_IMAGE) as after:
        after.wait_leading()
        # A change that comes through proves that the base was looked at, and a repair that its children were.
        school.apply(displayName="Collège mis à niveau").wait_settled()
        settings = school.child("ConfigMap", f"{school.name}-settings")["data"]["settings.json"]
        assert "Collège mis à niveau" in settings
        school.kube.delete("Service", f"{school.name}-client", school.namespace)
        school.kube.wait_for("Service", f"{school.name}-client", lambda _: True, school.namespace, timeout=15)

        assert school.child("StatefulSet", school.name) == stateful, "not even its resource version has changed"
        assert (school.pod_uid, school.restarts) == (pod, 0)
        writes = [
            access
            for access in audit.accesses(namespace=school.namespace)
            if access.resource == "statefulsets" and access.verb in ("patch", "update") and access.time > upgraded
        ]
        assert not writes
        agents = stateful["spec"]["template"]["spec"]["initContainers"]
        assert {container["image"] for container in agents} == {OPERATOR_IMAGE}
