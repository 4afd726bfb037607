"""What the chart renders: pods, network, probes, labels, the guard of deletion."""

import ast
import re
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, NAMESPACE, RELEASE, Manifest, helm, one, render, templated

EXPECTED_LABELS = {
    "helm.sh/chart",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/part-of",
}


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """Specs of all pods in the chart: the operator's and the test's."""
    return [one(manifests, "Deployment")["spec"]["template"]["spec"], one(manifests, "Pod")["spec"]]


def container(manifests: list[Manifest]) -> Manifest:
    """The operator's container."""
    (found,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_helm_lint_has_no_warning() -> None:
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_every_object_has_the_usual_labels(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        labels = manifest["metadata"]["labels"]
        assert set(labels) >= EXPECTED_LABELS, manifest["metadata"]["name"]
        assert labels["app.kubernetes.io/instance"] == RELEASE


def test_names_are_unique_and_namespaced_objects_say_their_namespace(manifests: list[Manifest]) -> None:
    keys = [(m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]) for m in manifests]
    assert len(keys) == len(set(keys))
    cluster_scoped = {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    for manifest in manifests:
        assert ("namespace" in manifest["metadata"]) == (manifest["kind"] not in cluster_scoped), manifest["kind"]


def test_pods_satisfy_pod_security_restricted(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["runAsGroup"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) <= {"name", "emptyDir"} for volume in pod.get("volumes", []))
        for box in pod["containers"]:
            context = box["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(box["resources"]) == {"requests", "limits"}
            assert {"cpu", "memory"} <= set(box["resources"]["limits"])


def test_the_root_is_read_only_and_tmp_can_be_written(cluster_wide: list[Manifest]) -> None:
    assert {"name": "tmp", "mountPath": "/tmp"} in container(cluster_wide)["volumeMounts"]  # noqa: S108


def test_probes_ask_the_paths_that_the_operator_serves(cluster_wide: list[Manifest]) -> None:
    box = container(cluster_wide)
    paths = {name: box[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_the_port_is_one_setting_everywhere() -> None:
    manifests = render("--set", "settings.httpPort=9090")
    box = container(manifests)
    assert box["ports"] == [{"name": "metrics", "containerPort": 9090, "protocol": "TCP"}]
    assert {"name": "PRONOTE_OPERATOR_HTTP_PORT", "value": "9090"} in box["env"]
    assert one(manifests, "Service")["spec"]["ports"][0]["targetPort"] == "metrics"
    assert one(manifests, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"] == "metrics"


def test_a_digest_goes_before_the_tag_and_reaches_the_bases() -> None:
    digest = "sha256:" + "0" * 64
    box = container(render("--set", f"image.repository=images/operator,image.digest={digest}"))
    assert box["image"] == f"images/operator@{digest}"
    assert {"name": "PRONOTE_OPERATOR_IMAGE", "value": box["image"]} in box["env"]


def test_an_empty_tag_means_the_version_of_the_chart() -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert container(render("--set", "image.tag="))["image"].endswith(f":{version}")


def test_one_of_two_pods_survives_a_drain(cluster_wide: list[Manifest]) -> None:
    deployment, budget = one(cluster_wide, "Deployment"), one(cluster_wide, "PodDisruptionBudget")
    assert deployment["spec"]["replicas"] == 2
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_a_single_pod_does_not_block_a_drain() -> None:
    assert "PodDisruptionBudget" not in {m["kind"] for m in render("--set", "replicaCount=1")}


def test_without_a_lease_two_pods_never_act_at_once() -> None:
    alone = ("--set", "settings.leaderElection=false,replicaCount=1")
    assert one(render(*alone), "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    refused = templated("--set", "settings.leaderElection=false")
    assert "at '/replicaCount': maximum: got 2, want 1" in refused.stderr


def test_the_selectors_find_the_operator_and_not_the_test(cluster_wide: list[Manifest]) -> None:
    deployment = one(cluster_wide, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    test_labels = one(cluster_wide, "Pod")["metadata"]["labels"].items()
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        one(cluster_wide, "Service")["spec"]["selector"],
        one(cluster_wide, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels
        assert not selector.items() <= test_labels


def test_the_network_policy_limits_both_directions(manifests: list[Manifest]) -> None:
    spec = one(manifests, "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["ingress"]] == [["metrics"]]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["egress"]] == [
        [443, 6443],
        [8080, 8443],
        [443],
        [53, 53],
    ]
    assert spec["egress"][1]["to"][0]["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "pronote",
        "app.kubernetes.io/managed-by": "pronote-operator",
    }


def test_the_network_policy_can_be_narrowed() -> None:
    peers = "networkPolicy.metricsPeers[0].namespaceSelector.matchLabels.team=monitoring"
    api = "networkPolicy.apiServer.cidrs={10.96.0.1/32}"
    cas = "networkPolicy.cas.ports={443,8443},networkPolicy.cas.peers[0].ipBlock.cidr=192.0.2.0/24"
    spec = one(render("--set", api, "--set", cas, "--set", peers), "NetworkPolicy")["spec"]
    assert spec["egress"][0]["to"] == [{"ipBlock": {"cidr": "10.96.0.1/32"}}]
    assert [port["port"] for port in spec["egress"][2]["ports"]] == [443, 8443]
    assert spec["egress"][2]["to"] == [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    allowed: list[dict[str, Any]] = spec["ingress"][0]["from"]
    assert allowed[0] == {"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}
    assert allowed[1]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "test"


def test_definitions_stay_when_the_chart_is_removed(cluster_wide: list[Manifest]) -> None:
    definitions = [m for m in cluster_wide if m["kind"] == "CustomResourceDefinition"]
    assert {d["spec"]["names"]["kind"] for d in definitions} == {
        "PronoteBase",
        "Publication",
        "CasDelegation",
        "BackupPolicy",
        "VersionChannel",
    }
    for definition in definitions:
        assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_definitions_can_be_left_out() -> None:
    assert "CustomResourceDefinition" not in {m["kind"] for m in render("--set", "crds.install=false")}


def test_the_chart_is_the_same_at_every_rendering() -> None:
    texts = [path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file()]
    assert not [text for text in texts if re.search(r"\b(lookup|rand\w+|genCA|genSelfSignedCert|uuidv4|now)\b", text)]
    assert templated().stdout == templated().stdout


def test_the_guard_of_deletion_follows_the_mode(cluster_wide: list[Manifest], namespaced: list[Manifest]) -> None:
    assert "matchResources" not in one(cluster_wide, "ValidatingAdmissionPolicyBinding")["spec"]
    resources = one(namespaced, "ValidatingAdmissionPolicyBinding")["spec"]["matchResources"]
    assert resources["namespaceSelector"]["matchExpressions"][0]["values"] == ["schools", "ten-schools"]


def test_the_guard_of_deletion_can_be_switched_off_and_the_notes_say_so() -> None:
    done = helm(
        "install", RELEASE, CHART, "--namespace", NAMESPACE, "--dry-run=client", "--set", "deletionGuard.enabled=false"
    )
    assert done.returncode == 0, done.stderr
    assert "kind: ValidatingAdmissionPolicy" not in done.stdout
    assert "deletionGuard is off" in done.stdout


def test_the_notes_name_the_next_command() -> None:
    done = helm("install", RELEASE, CHART, "--namespace", NAMESPACE, "--dry-run=client")
    assert f"helm test -n {NAMESPACE} {RELEASE}" in done.stdout
    assert "kubectl apply -f manifests/samples/one-school.yaml" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"), [((), True), (("--set", "settings.trustedProxies={192.0.2.0/28}"), False)]
)
def test_the_notes_say_what_comes_of_trusting_no_proxy(arguments: tuple[str, ...], told: bool) -> None:
    done = helm("install", RELEASE, CHART, "--namespace", NAMESPACE, "--dry-run=client", *arguments)
    assert done.returncode == 0, done.stderr
    assert ("settings.trustedProxies is empty" in done.stdout) is told


def test_the_test_pod_runs_the_check_without_any_role(cluster_wide: list[Manifest]) -> None:
    pod = one(cluster_wide, "Pod")
    assert ast.dump(ast.parse(pod["spec"]["containers"][0]["args"][0])) == ast.dump(
        ast.parse((CHART / "files" / "check.py").read_text())
    )
    account = pod["spec"]["serviceAccountName"]
    bound = [s["name"] for m in cluster_wide if m["kind"].endswith("RoleBinding") for s in m["subjects"]]
    assert account not in bound


@pytest.mark.parametrize("release", ["pronote-operator", "prod", "a" * 53])
def test_names_stay_within_the_limits_of_kubernetes(release: str) -> None:
    done = helm("template", release, CHART, "--namespace", NAMESPACE)
    assert done.returncode == 0, done.stderr
    for manifest in filter(None, yaml.safe_load_all(done.stdout)):
        if manifest["kind"] != "CustomResourceDefinition":
            assert len(manifest["metadata"]["name"]) <= 63
