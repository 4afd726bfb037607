"""The pod of a base: what it may do, what it sees, how long it gets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.podtemplate import SERVER_RESOURCES, pod_template, server_resources
from pronote_operator.planning.quantities import quantity_value
from pronote_operator.prepare.plan import parse_plan
from pronote_server.config import server_config
from tests.unit.builders.children import context
from tests.unit.builders.strategies import amounts, contexts


def containers(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["name"]: c for c in [*template["spec"]["initContainers"], *template["spec"]["containers"]]}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


@given(contexts())
def test_the_pod_is_restricted(ctx: BuildContext) -> None:
    template = pod_template(ctx)
    spec = template["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    security = spec["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (10001, 10001, 10001)
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(template).values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


def test_prepare_runs_before_the_agent_and_the_agent_beside_the_server() -> None:
    template = pod_template(context())
    assert [container["name"] for container in template["spec"]["initContainers"]] == ["prepare", "agent"]
    by_name = containers(template)
    assert by_name["agent"]["restartPolicy"] == "Always"
    assert "restartPolicy" not in by_name["prepare"]
    assert [container["command"] for container in by_name.values()] == [
        ["pronote-prepare"],
        ["pronote-agent"],
        ["pronote-server", "serve"],
    ]


@given(contexts())
def test_every_container_asks_for_resources_and_has_limits(ctx: BuildContext) -> None:
    for container in containers(pod_template(ctx)).values():
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]) & set(resources["limits"])


@given(contexts())
def test_nobody_sees_more_than_it_needs(ctx: BuildContext) -> None:
    template = pod_template(ctx)
    mounts = {name: {m["name"] for m in c["volumeMounts"]} for name, c in containers(template).items()}
    assert mounts == {
        "prepare": {"data", "snapshots", "snapshot-key", "tmp"},
        "agent": {"data", "snapshots", "snapshot-key", "agent", "tls", "tmp"},
        "server": {"data", "settings", "superadmin", "tls", "net", "site", "tmp"},
    }
    assert {volume["name"] for volume in template["spec"]["volumes"]} == set().union(*mounts.values())
    text = json.dumps(template)
    assert "ca.key" not in text
    assert "subPath" not in text


@given(contexts())
def test_secrets_are_mounted_by_item_readable_by_the_group_alone(ctx: BuildContext) -> None:
    for volume in pod_template(ctx)["spec"]["volumes"]:
        source = volume.get("secret") or volume.get("configMap")
        if source is not None:
            assert source["items"]
            assert source["defaultMode"] == 0o440


@given(contexts())
def test_prepare_understands_the_plan(ctx: BuildContext) -> None:
    plan = parse_plan(environment(containers(pod_template(ctx))["prepare"])["PRONOTE_DATA_PLAN"])
    assert (plan.namespace, plan.name, plan.uai) == (ctx.namespace, ctx.name, ctx.base.spec.uai)
    assert plan.school_year == ctx.school_year
    assert plan.source.empty is not None
    assert plan.source.empty.slot_minutes == 30


@given(contexts())
def test_the_server_understands_its_environment(ctx: BuildContext) -> None:
    config = server_config(environment(containers(pod_template(ctx))["server"]) | {"PRONOTE_VERSION": "2026.2.5"})
    assert config.base.uai == ctx.base.spec.uai
    assert config.base.folder.as_posix() == f"/var/lib/pronote/years/{ctx.school_year}"
    assert (config.client_port, config.admin_port) == (49300, 8081)
    assert config.checkpoints.as_posix() == "/var/lib/pronote/checkpoints"


def test_probes_go_through_the_agent() -> None:
    by_name = containers(pod_template(context()))
    paths = {
        (name, probe): container[probe]["httpGet"]["path"]
        for name, container in by_name.items()
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        if probe in container
    }
    assert paths == {
        ("agent", "startupProbe"): "/livez",
        ("agent", "livenessProbe"): "/livez",
        ("agent", "readinessProbe"): "/readyz",
        ("server", "startupProbe"): "/server/livez",
        ("server", "livenessProbe"): "/server/livez",
    }
    assert all(c[p]["httpGet"]["port"] == 8080 for c in by_name.values() for p in c if p.endswith("Probe"))


def test_the_server_gets_ten_minutes_to_open_a_base_and_forty_seconds_to_close_it() -> None:
    template = pod_template(context())
    probe = containers(template)["server"]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 600
    assert template["spec"]["terminationGracePeriodSeconds"] == 40


def test_no_pull_policy_leaves_the_choice_to_the_cluster() -> None:
    assert all("imagePullPolicy" not in container for container in containers(pod_template(context())).values())


@pytest.mark.parametrize(
    ("given_resources", "expected"),
    [
        ({}, SERVER_RESOURCES),
        (
            {"limits": {"memory": "64Mi"}},
            {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
        ),
        (
            {"requests": {"memory": "1024Mi", "cpu": 0.5}},
            {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        ),
        (
            {"requests": {"ephemeral-storage": "1Gi"}, "limits": {"cpu": 4}},
            {
                "requests": {"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "1Gi"},
                "limits": {"cpu": "4", "memory": "512Mi"},
            },
        ),
    ],
)
def test_defaults_give_way_to_what_the_spec_names(
    given_resources: dict[str, Any], expected: dict[str, dict[str, str]]
) -> None:
    assert server_resources(context({"resources": given_resources})) == expected


@given(st.fixed_dictionaries({}, optional={"requests": amounts, "limits": amounts}))
def test_defaults_never_make_requests_exceed_limits(resources: dict[str, Any]) -> None:
    built = server_resources(context({"resources": resources}))
    for name, request in built.get("requests", {}).items():
        limit = built.get("limits", {}).get(name)
        if limit is not None and quantity_value(request) > quantity_value(limit):
            assert name in resources["requests"]
            assert name in resources["limits"]
