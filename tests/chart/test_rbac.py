"""The operator's rights: no more than docs/reference/rbac.md explains."""

import re
from collections import defaultdict

import pytest

from tests.chart.rendering import NAMESPACE, ROOT, Manifest, one, render

Rules = dict[tuple[str, str, str], set[str]]
"""(API group, resource, resource names) to verbs."""

OF_USERS = ("pronote-view", "pronote-edit", "pronote-rollover")
TABLE = ROOT / "docs" / "reference" / "rbac.md"


def rules_of(role: Manifest) -> Rules:
    """The rules of a role, one entry per group, resource and restriction to names."""
    found: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found[group, resource, ",".join(rule.get("resourceNames", []))] |= set(rule["verbs"])
    return dict(found)


def documented(heading: str) -> Rules:
    """The table under a heading of rbac.md. AssertionError when a line gives no reason."""
    section = TABLE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    found: Rules = {}
    for line in section.splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] == "API group" or re.fullmatch(r"-+", cells[0]):
            continue
        group, resource, names, verbs, reason = cells
        assert reason, line
        found["" if group == "core" else group, resource, names] = set(verbs.replace(",", "").split())
    return found


def roles(manifests: list[Manifest]) -> list[Manifest]:
    """Roles that are the operator's own; those for users are judged apart."""
    return [m for m in manifests if m["kind"] in ("Role", "ClusterRole") and m["metadata"]["name"] not in OF_USERS]


def test_there_are_no_wildcards_and_no_exec(manifests: list[Manifest]) -> None:
    for role in (m for m in manifests if m["kind"] in ("Role", "ClusterRole")):
        for rule in role["rules"]:
            assert not [word for part in rule.values() for word in part if "*" in word], role["metadata"]["name"]
            assert "nonResourceURLs" not in rule
            assert not {"pods/exec", "pods/attach", "pods/portforward"} & set(rule["resources"])
            assert (
                not {"escalate", "impersonate", "deletecollection"} & set(rule["verbs"])
                or role["metadata"]["name"] == "pronote-edit"
            )


def test_no_right_on_secrets_holds_in_the_whole_cluster(manifests: list[Manifest]) -> None:
    bound = {m["roleRef"]["name"] for m in manifests if m["kind"] == "ClusterRoleBinding"}
    for role in (m for m in manifests if m["kind"] == "ClusterRole" and m["metadata"]["name"] in bound):
        assert not [key for key in rules_of(role) if key[1].startswith("secrets")]


def test_in_cluster_wide_mode_the_operator_may_bind_one_role_only(cluster_wide: list[Manifest]) -> None:
    rules = rules_of(one(cluster_wide, "ClusterRole", "pronote-operator"))
    binding = {key: verbs for key, verbs in rules.items() if "bind" in verbs}
    assert binding == {("rbac.authorization.k8s.io", "clusterroles", "pronote-operator-secrets"): {"bind"}}
    env = one(cluster_wide, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "PRONOTE_OPERATOR_ROLE_FOR_SECRETS", "value": "pronote-operator-secrets"} in env


def test_in_namespaced_mode_nothing_is_granted_outside_the_listed_namespaces(namespaced: list[Manifest]) -> None:
    spaces = {m["metadata"]["namespace"] for m in namespaced if m["kind"] == "Role"}
    assert spaces == {"schools", "ten-schools", NAMESPACE}
    assert rules_of(one(namespaced, "ClusterRole", "pronote-operator")) == documented("Cluster-scoped kinds")
    names = {m["metadata"]["name"] for m in namespaced if m["kind"] == "ClusterRole"}
    assert names == {"pronote-operator", *OF_USERS}
    env = one(namespaced, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "PRONOTE_OPERATOR_WATCH_NAMESPACES", "value": "schools,ten-schools"} in env
    assert {"name": "PRONOTE_OPERATOR_ROLE_FOR_SECRETS", "value": ""} in env


def test_the_cluster_wide_roles_are_what_the_reference_explains(cluster_wide: list[Manifest]) -> None:
    everywhere = (
        documented("Cluster-scoped kinds") | documented("Bases and their children") | documented("The role for Secrets")
    )
    assert rules_of(one(cluster_wide, "ClusterRole", "pronote-operator")) == everywhere
    assert rules_of(one(cluster_wide, "ClusterRole", "pronote-operator-secrets")) == documented("Secrets")
    assert rules_of(one(cluster_wide, "Role", "pronote-operator-lease")) == documented("Lease")
    assert rules_of(one(cluster_wide, "Role", "pronote-operator-ents")) == documented("ENT catalogue")
    assert len(roles(cluster_wide)) == 4


def test_the_namespaced_roles_are_what_the_reference_explains(namespaced: list[Manifest]) -> None:
    here = documented("Bases and their children") | documented("Secrets")
    for role in (m for m in roles(namespaced) if m["metadata"].get("namespace") in ("schools", "ten-schools")):
        assert rules_of(role) == here
    assert rules_of(one(namespaced, "Role", "pronote-operator-ents")) == documented("ENT catalogue")
    assert len(roles(namespaced)) == 5


def test_the_roles_for_users_are_what_the_reference_explains(cluster_wide: list[Manifest]) -> None:
    view, edit, rollover = (one(cluster_wide, "ClusterRole", name) for name in OF_USERS)
    assert rules_of(view) == documented("pronote-view")
    assert rules_of(edit) == documented("pronote-edit")
    assert rules_of(rollover) == documented("pronote-rollover")
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"] == "true"


def test_nobody_may_steer_a_rollover_who_was_not_given_that_role(cluster_wide: list[Manifest]) -> None:
    view, edit, rollover = (one(cluster_wide, "ClusterRole", name) for name in OF_USERS)
    assert not [label for label in rollover["metadata"]["labels"] if "aggregate" in label]
    for role in (view, edit):
        for (_, resource, _), verbs in rules_of(role).items():
            assert resource != "versionchannels" or verbs <= {"get", "list", "watch"}
    assert "pronote-rollover" not in {m["roleRef"]["name"] for m in cluster_wide if m["kind"].endswith("RoleBinding")}


def test_every_binding_names_the_account_of_the_operator(manifests: list[Manifest]) -> None:
    account = one(
        [m for m in manifests if m["metadata"].get("labels", {}).get("app.kubernetes.io/component") != "test"],
        "ServiceAccount",
    )
    for binding in (m for m in manifests if m["kind"].endswith("RoleBinding")):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": NAMESPACE}
        ]


@pytest.mark.parametrize("mode", [(), ("--set", "watchNamespaces={schools}")])
def test_rights_can_be_left_to_someone_else(mode: tuple[str, ...]) -> None:
    kinds = {m["kind"] for m in render("--set", "rbac.create=false,rbac.userRoles=false", *mode)}
    assert not kinds & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
