"""The operator as the chart installs it: with the rights that it is granted, no more, and every one of them used."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.audit import AuditLog
from tests.cluster.backups import policy, restore, take, wait_restored
from tests.cluster.published import API_VERSION, INGRESS, Published
from tests.cluster.rights import granted, used
from tests.cluster.schools import School
from tests.cluster.stage import CHART, Stage, channel
from tests.support.kube import ApiError, condition_of, describe

BINDING = "pronote-operator-secrets"
REMOVED: dict[str, str] = {}
"""When the releases of this session were removed, by account, in the audit log's form: Helm takes the rights away while
the pods are still ending."""
EXPANDABLE = {
    "size": "64Mi",
    "storageClassName": "expandable",
    "snapshots": {"size": "64Mi", "storageClassName": "expandable"},
}


@dataclass
class Installed:
    """A release of the chart in a namespace of its own, with Pod Security "restricted" enforced."""

    stage: Stage
    namespace: str
    release: str
    name: str
    """Of its account and its other objects."""
    sees_all: bool
    """Whether it serves all namespaces."""

    @property
    def account(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def manifests(self) -> list[dict[str, Any]]:
        """What Helm applied."""
        text = self.stage.helm("get", "manifest", self.release, "--namespace", self.namespace).stdout
        return [document for document in yaml.safe_load_all(text) if document]

    def school(self, namespace: str, name: str = "moulin", **spec: Any) -> School:
        return School(self.stage.cluster, self.stage.kube, namespace, name, spec)

    def binding(self, namespace: str) -> dict[str, Any] | None:
        """The binding of the role for Secrets in a namespace."""
        return self.stage.kube.get("RoleBinding", BINDING, namespace)

    def uninstall(self) -> None:
        REMOVED.setdefault(self.account, dt.datetime.now(dt.UTC).isoformat())
        self.stage.helm("uninstall", self.release, "--namespace", self.namespace, "--wait", "--ignore-not-found")


@contextmanager
def installed(
    stage: Stage, *settings: str, release: str = "pronote-operator", name: str = "pronote-operator"
) -> Iterator[Installed]:
    """Install the chart with its own values and these settings, and take it away at the end."""
    with stage.space("operator") as namespace:
        # The definitions are there already, applied by these tests: the release takes them over, and leaves them.
        chosen = [part for setting in (f"fullnameOverride={name}", *settings) for part in ("--set", setting)]
        release_in = ("--namespace", namespace, "--take-ownership", "--wait", "--timeout", "120s")
        stage.helm("install", release, str(CHART), *release_in, *chosen)
        sees_all = not any(setting.startswith("watchNamespaces") for setting in settings)
        operator = Installed(stage, namespace, release, name, sees_all)
        try:
            yield operator
        finally:
            operator.uninstall()


@pytest.fixture(scope="module")
def cluster_wide(stage: Stage) -> Iterator[Installed]:
    """The chart with its default values."""
    with installed(stage) as operator:
        yield operator


def live(operator: Installed, namespace: str, folder: Path) -> None:
    """A school's life in a namespace, with a bit of everything that an operator has to do."""
    with policy(operator.stage.kube) as name:
        _live(operator, namespace, folder, name)


def _live(operator: Installed, namespace: str, folder: Path, covering: str) -> None:
    kube = operator.stage.kube
    school = operator.school(namespace, storage=EXPANDABLE, backupPolicy=covering)
    kube.apply(_elder(namespace, "not-there-yet"))
    kube.wait_for_condition("Publication", "elder", "Ready", namespace, status="False", reason="ReferenceNotFound")
    school.apply().wait_ready()
    assert school.log_in(folder, "superadmin", school.password).returncode == 0
    pod = school.pod_uid

    kube.delete("ConfigMap", f"{school.name}-settings", namespace)
    kube.patch(
        "Service", f"{school.name}-client", {"spec": {"selector": {"app": "x", "pronote.hosting/base": "x"}}}, namespace
    )
    kube.wait_for(
        "Service",
        f"{school.name}-client",
        lambda found: found["spec"]["selector"]["pronote.hosting/base"] == school.name,
        namespace,
        timeout=20,
    )
    kube.wait_for("ConfigMap", f"{school.name}-settings", lambda _: True, namespace, timeout=20)
    school.apply(storage={**EXPANDABLE, "size": "96Mi"}).wait_settled()
    assert school.pod_uid == pod
    archive = take(school, "archive")
    # Figures are told only by an operator that sees all bases.
    figure = 1 if operator.sees_all else None
    kube.wait_for(
        "BackupPolicy",
        covering,
        lambda found: condition_of(found, "Ready") and found["status"].get("backedUp") == figure,
        None,
        timeout=20,
        what=f"backedUp is {figure}",
    )
    assert wait_restored(school, restore(school, archive))["phase"] == "Succeeded"
    school.apply(inService=False).wait_ready("OutOfService")
    school.apply(inService=True).wait_ready()

    _publish(operator, school)

    broken = channel(f"broken-{namespace}")
    broken["spec"]["releases"][0]["image"] = "localhost/there-is-no-such-image:1"
    kube.apply(broken)
    sick = operator.school(namespace, "sick", versionChannel=broken["metadata"]["name"], deletionPolicy="Delete")
    found = sick.apply().wait("Ready", "False", reason="ServerNotReady", timeout=60)
    assert "server" in condition_of(found, "Ready")["message"], describe(found)
    kube.wait_for_condition("VersionChannel", broken["metadata"]["name"], "Ready", None, timeout=30)
    kube.patch(
        "PronoteBase", "sick", {"metadata": {"annotations": {"pronote.hosting/confirm-deletion": "sick"}}}, namespace
    )
    sick.delete()
    school.delete()
    kube.delete("VersionChannel", broken["metadata"]["name"], None)


def _elder(namespace: str, base: str) -> dict[str, Any]:
    """A publication that is older than that of the school: times of creation have whole seconds."""
    metadata = {"name": "elder", "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "Publication", "metadata": metadata, "spec": {"base": base}}


def _publish(operator: Installed, school: School) -> None:
    """Publish it in both ways, delegate it, and lose it to an older publication."""
    kube, namespace = operator.stage.kube, school.namespace
    operator.stage.cluster.gateway()  # which brings HTTPRoutes
    published = Published(school).apply()
    web = f"{published.name}-web"
    kube.wait_for("HTTPRoute", web, lambda _: True, namespace, timeout=30)
    delegation = {
        "apiVersion": API_VERSION,
        "kind": "CasDelegation",
        "metadata": {"name": "ent", "namespace": namespace},
        "spec": {"publication": published.name, "cas": {"url": "https://cas.example.test"}, "espaces": ["Parents"]},
    }
    kube.apply(delegation)
    kube.wait_for_condition("CasDelegation", "ent", "Ready", namespace, reason="InForce", timeout=60)
    published.apply(exposure=INGRESS)
    kube.wait_for("Ingress", web, lambda _: True, namespace, timeout=30)
    kube.apply(_elder(namespace, school.name))
    for kind in ("HTTPRoute", "Ingress", "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"):
        kube.wait_gone(kind, web, namespace, timeout=30)
    kube.wait_for_condition("Publication", "elder", "Published", namespace, timeout=90)
    for name in ("elder", published.name):
        kube.delete("Publication", name, namespace, wait=30)
    kube.delete("CasDelegation", "ent", namespace, wait=30)


def _judge(operator: Installed, audit: AuditLog, beside: set[tuple[str, str, str]] | None = None) -> None:
    """Nothing was denied, and nothing is granted that was not used."""
    accesses = list(audit.accesses(user=operator.account))
    assert accesses, f"{operator.account} did something"
    denied = [access for access in accesses if access.denied]
    assert not denied, denied[:10]
    unused = granted(operator.manifests) - used(accesses) - (beside or set())
    assert not unused, f"granted and never used: {sorted(unused)}"


def test_helm_test_passes(cluster_wide: Installed) -> None:
    done = cluster_wide.stage.helm("test", cluster_wide.release, "--namespace", cluster_wide.namespace)
    assert "Succeeded" in done.stdout


def test_two_replicas_run_and_the_other_acts_when_the_leaders_pod_is_deleted(
    cluster_wide: Installed, space: str
) -> None:
    kube, namespace = cluster_wide.stage.kube, cluster_wide.namespace
    lease = kube.get("Lease", "pronote-operator", namespace)
    assert lease is not None
    holder = lease["spec"]["holderIdentity"]
    pods = [pod["metadata"]["name"] for pod in kube.list("Pod", namespace) if "test" not in pod["metadata"]["name"]]
    assert len(pods) == 2
    (leader,) = [pod for pod in pods if holder.startswith(pod)]
    kube.kubectl("delete", "pod", leader, "-n", namespace, "--force", "--grace-period=0")
    cluster_wide.school(space, inService=False).apply().wait_ready("OutOfService", timeout=40)
    lease = kube.get("Lease", "pronote-operator", namespace)
    assert lease is not None
    assert lease["spec"]["holderIdentity"] != holder


def test_a_base_whose_data_would_go_is_deleted_only_with_a_confirmation(cluster_wide: Installed, space: str) -> None:
    school = cluster_wide.school(space, inService=False, deletionPolicy="Delete")
    school.apply().wait_ready("OutOfService")
    with pytest.raises(ApiError, match="To confirm: kubectl annotate pronotebase") as refused:
        school.delete()
    assert "would destroy the data" in refused.value.message
    school.kube.patch(
        "PronoteBase",
        school.name,
        {"metadata": {"annotations": {"pronote.hosting/confirm-deletion": school.name}}},
        space,
    )
    school.delete()


def test_rights_on_secrets_come_with_the_first_base_of_a_namespace_and_go_with_the_last(
    cluster_wide: Installed, space: str
) -> None:
    assert cluster_wide.binding(space) is None
    one, two = (cluster_wide.school(space, name, inService=False) for name in ("one", "two"))
    for school in (one, two):
        school.apply().wait_ready("OutOfService")
    bound = cluster_wide.binding(space)
    assert bound is not None
    assert bound["roleRef"]["name"] == "pronote-operator-secrets"
    one.delete()
    two.apply(displayName="Encore là").wait_ready("OutOfService")
    assert cluster_wide.binding(space) is not None
    two.delete()
    cluster_wide.stage.kube.wait_gone("RoleBinding", BINDING, space, timeout=20)


def test_for_the_whole_cluster_nothing_is_denied_and_every_granted_verb_is_used(
    cluster_wide: Installed, audit: AuditLog, space: str, folder: Path
) -> None:
    live(cluster_wide, space, folder)
    cluster_wide.stage.kube.wait_gone("RoleBinding", BINDING, space, timeout=20)
    _judge(cluster_wide, audit)


def test_removed_it_leaves_schools_running_and_under_another_name_it_serves_them_again(
    cluster_wide: Installed, space: str
) -> None:
    kube = cluster_wide.stage.kube
    school = cluster_wide.school(space)
    school.apply().wait_ready()
    with cluster_wide.stage.space() as other:
        gone = cluster_wide.school(other, "gone", inService=False)
        gone.apply().wait_ready("OutOfService")
        pod = school.pod_uid
        cluster_wide.uninstall()
        assert kube.get("CustomResourceDefinition", "pronotebases.pronote.hosting", None) is not None
        assert school.pod_uid == pod
        gone.delete()
        assert cluster_wide.binding(other) is not None, "nobody is there to give the rights back"

        name = f"second-{secrets.token_hex(2)}"
        with installed(cluster_wide.stage, "replicaCount=1", release="second", name=name):
            school.apply(displayName="Sous un autre nom").wait_settled(60)
            settings = school.child("ConfigMap", f"{school.name}-settings")["data"]["settings.json"]
            assert "Sous un autre nom" in settings
            bound = cluster_wide.binding(space)
            assert bound is not None
            assert bound["roleRef"]["name"] == f"{name}-secrets"
            kube.wait_gone("RoleBinding", BINDING, other, timeout=20)
            assert school.pod_uid == pod
            school.delete()


def test_for_some_namespaces_nothing_is_denied_and_every_granted_verb_is_used(
    stage: Stage, audit: AuditLog, space: str, folder: Path
) -> None:
    with installed(stage, f"watchNamespaces={{{space}}}") as operator, stage.space() as unserved:
        live(operator, space, folder)
        assert operator.binding(space) is None, "its rights are preset"
        outside = operator.school(unserved, inService=False).apply()
        _judge(operator, audit)
        assert outside.get()["status"] == {"observedGeneration": -1}, "nobody serves that namespace"


@pytest.mark.last
def test_no_operator_of_this_session_was_ever_denied_anything(audit: AuditLog) -> None:
    prefix = "system:serviceaccount:operator-"
    operators = list(audit.accesses(user=prefix))
    assert operators, "the chart's operators did something"
    denied = [access for access in operators if access.denied and access.time < REMOVED[access.user]]
    assert not denied, denied[:10]
