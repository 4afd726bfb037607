"""The chart, its manifest and the samples at a real API server (etcd and kube-apiserver, no node)."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from charts.render import CHART, INSTALL, NAMESPACE, RELEASE, ROOT
from local_cluster import Cluster

SAMPLES = ROOT / "manifests" / "samples"
SAMPLE_FILES = ("one-school.yaml", "ten-schools.yaml", "tenant-namespace.yaml", "from-hnot.yaml", "from-snapshot.yaml")
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"

DOOMED = """
apiVersion: pronote.hosting/v1alpha1
kind: PronoteBase
metadata: {name: doomed, namespace: schools}
spec:
  uai: 0210066H
  displayName: Doomed
  source: {empty: {slotMinutes: 60, dayStart: "08:00", dayEnd: "18:00"}}
  deletionPolicy: Delete
"""


@dataclass(frozen=True)
class Site:
    """Helm and kubectl, pointed at the API server."""

    cluster: Cluster

    def run(self, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a program; the caller judges how it ended."""
        return subprocess.run(
            command,
            env=self.cluster.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Runs kubectl; AssertionError with its words when it fails."""
        done = self.run("kubectl", *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def helm(self, *arguments: str) -> str:
        """Runs Helm in the release's namespace; AssertionError with its words when it fails."""
        done = self.run("helm", *arguments, "--namespace", NAMESPACE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def can(self, user: str, verb: str, resource: str, *where: str) -> bool:
        """Whether the authorizer lets a user do that."""
        arguments = ("auth", "can-i", verb, resource, *where, "--as", user, "--as-group", "system:authenticated")
        return self.run("kubectl", *arguments).stdout.strip() == "yes"

    def deletion(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Asks for the deletion of a base, as a dry run."""
        return self.run("kubectl", "-n", "schools", "delete", "pronotebase", name, "--dry-run=server", *options)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An API server with the chart installed and the samples applied."""
    cluster = Cluster(instance="chart-tests", api_only=True)
    cluster.down()
    cluster.up()
    try:
        site = Site(cluster)
        site.helm("install", RELEASE, str(CHART), "--create-namespace")
        for sample in SAMPLE_FILES:
            site.kubectl("apply", "--server-side", "--validate=strict", "-f", str(SAMPLES / sample))
        site.kubectl("apply", "-f", "-", stdin=DOOMED)
        yield site
    finally:
        cluster.down()


def test_the_api_server_takes_the_chart_and_all_samples(site: Site) -> None:
    bases = site.kubectl("get", "pronotebases", "-A", "-o", "name").splitlines()
    assert len(bases) == 14
    assert site.kubectl("get", "versionchannels,backuppolicies", "-o", "name").splitlines() == [
        "versionchannel.pronote.hosting/stable",
        "backuppolicy.pronote.hosting/default",
    ]


def test_a_restore_is_asked_for_beside_what_others_applied(site: Site) -> None:
    restore = str(SAMPLES / "restore.yaml")
    site.kubectl("apply", "--server-side", "--field-manager=restore", "--validate=strict", "-f", restore)
    found = json.loads(site.kubectl("-n", "schools", "get", "pronotebase", "jean-moulin", "-o", "json"))["spec"]
    assert found["uai"] == "0750654D"
    assert found["restore"] == {"requestId": "2026-11-24-a", "snapshot": "archive-20261124T0130Z"}


def test_the_chart_is_upgraded_again_and_again_without_a_conflict(site: Site) -> None:
    for replicas in ("1", "2", "2"):
        site.helm("upgrade", RELEASE, str(CHART), "--set", f"replicaCount={replicas}")
    assert site.kubectl("-n", NAMESPACE, "get", f"deployment/{RELEASE}", "-o", "jsonpath={.spec.replicas}") == "2"


def test_the_rendered_manifest_is_applied_where_the_chart_is_not(site: Site) -> None:
    done = site.run(
        "kubectl",
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        str(INSTALL),
    )
    assert done.returncode == 0, done.stderr


def test_a_base_whose_data_would_go_is_not_deleted_without_its_name(site: Site) -> None:
    refused = site.deletion("doomed")
    assert refused.returncode != 0
    assert "pronote.hosting/confirm-deletion=doomed" in refused.stderr
    assert "To keep the data: set spec.deletionPolicy to Retain first" in refused.stderr
    site.kubectl("-n", "schools", "annotate", "pronotebase", "doomed", "pronote.hosting/confirm-deletion=another")
    assert site.deletion("doomed").returncode != 0
    site.kubectl(
        "-n", "schools", "annotate", "--overwrite", "pronotebase", "doomed", "pronote.hosting/confirm-deletion=doomed"
    )
    assert site.deletion("doomed").returncode == 0
    site.kubectl("-n", "schools", "annotate", "pronotebase", "doomed", "pronote.hosting/confirm-deletion-")


def test_a_base_whose_data_stay_is_deleted_without_ado(site: Site) -> None:
    assert site.deletion("jean-moulin").returncode == 0


def test_a_namespace_that_goes_is_not_held_up(site: Site) -> None:
    as_controller = ("--as", NAMESPACE_CONTROLLER, "--as-group", "system:masters")
    assert site.deletion("doomed", *as_controller).returncode == 0


def test_the_operator_has_no_right_on_secrets_until_it_binds_it(site: Site) -> None:
    for verb in ("get", "list", "watch", "create", "patch", "delete"):
        assert not site.can(OPERATOR, verb, "secrets", "-A")
        assert not site.can(OPERATOR, verb, "secrets", "-n", "schools")
    assert site.can(OPERATOR, "bind", "clusterroles.rbac.authorization.k8s.io/pronote-operator-secrets")
    assert not site.can(OPERATOR, "bind", "clusterroles.rbac.authorization.k8s.io/cluster-admin")


def test_the_operator_cannot_bind_another_role_to_itself(site: Site) -> None:
    bind = ("-n", "schools", "create", "rolebinding", "more", f"--serviceaccount={NAMESPACE}:{RELEASE}")
    as_operator = ("--as", OPERATOR, "--as-group", "system:authenticated", "--dry-run=server")
    assert site.run("kubectl", *bind, "--clusterrole=pronote-operator-secrets", *as_operator).returncode == 0
    assert (
        "is attempting to grant RBAC permissions"
        in site.run("kubectl", *bind, "--clusterrole=cluster-admin", *as_operator).stderr
    )


def test_the_operator_can_delete_nothing_that_holds_data_and_no_request(site: Site) -> None:
    for resource in ("pronotebases", "publications", "statefulsets", "persistentvolumeclaims", "secrets", "pods"):
        assert not site.can(OPERATOR, "delete", resource, "-n", "schools")
    assert not site.can(OPERATOR, "update", "pronotebases", "-n", "schools")
    assert not site.can(OPERATOR, "patch", "pronotebases", "-n", "schools")
    for resource in ("deployments", "ingresses", "poddisruptionbudgets"):
        assert site.can(OPERATOR, "delete", resource, "-n", "schools"), "what a publication does not want any more"
    assert site.can(OPERATOR, "delete", "rolebindings/pronote-operator-secrets", "-n", "schools")
    assert not site.can(OPERATOR, "delete", "rolebindings/other", "-n", "schools")


def test_the_manager_of_a_tenant_manages_bases_and_nothing_else(site: Site) -> None:
    def may(verb: str, resource: str, namespace: str) -> bool:
        arguments = ("auth", "can-i", verb, resource, "-n", namespace, "--as", "ada", "--as-group", "schools-managers")
        return site.run("kubectl", *arguments).stdout.strip() == "yes"

    assert may("create", "pronotebases", "tenant-a")
    assert may("delete", "pronotebases", "tenant-a")
    assert not may("create", "pronotebases", "schools")
    assert not may("get", "secrets", "tenant-a")
    assert not may("update", "resourcequotas", "tenant-a")
    assert not may("update", "versionchannels", "tenant-a")


def test_in_namespaced_mode_the_operator_has_rights_there_and_nowhere_else(site: Site) -> None:
    site.helm("upgrade", RELEASE, str(CHART), "-f", str(SAMPLES / "namespaced-values.yaml"))
    try:
        assert site.can(OPERATOR, "list", "pronotebases", "-n", "schools")
        assert site.can(OPERATOR, "list", "secrets", "-n", "ten-schools")
        assert not site.can(OPERATOR, "list", "pronotebases", "-n", "tenant-a")
        assert not site.can(OPERATOR, "list", "secrets", "-n", "tenant-a")
        assert not site.can(OPERATOR, "create", "rolebindings", "-n", "schools")
        assert site.can(OPERATOR, "list", "versionchannels")
        assert site.deletion("doomed").returncode != 0
    finally:
        site.helm("upgrade", RELEASE, str(CHART))


def test_removing_the_chart_removes_no_school(site: Site) -> None:
    said = site.helm("uninstall", RELEASE)
    assert "kept due to the resource policy" in said
    assert "pronotebases.pronote.hosting" in said
    assert len(site.kubectl("get", "pronotebases", "-A", "-o", "name").splitlines()) == 14
    site.helm("install", RELEASE, str(CHART))
