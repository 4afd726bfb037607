"""Services, the NetworkPolicy, the two ConfigMaps and the host names."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.builders.configmaps import parameters_configmap, settings_configmap
from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.endpoints import (
    HostTemplateError,
    check_host_template,
    client_endpoint,
    host_from_template,
)
from pronote_operator.builders.names import replicas_of, server_selector
from pronote_operator.builders.networkpolicy import network_policy
from pronote_operator.builders.podtemplate import pod_template
from pronote_operator.builders.services import agent_service, client_service
from pronote_operator.builders.volumes import data_claim, snapshots_claim
from pronote_operator.planning.storage import StorageAction, StorageDecision
from pronote_server.settings import load_settings
from tests.unit.builders.children import context
from tests.unit.builders.strategies import contexts


@given(contexts())
def test_services_and_policy_select_the_pod(ctx: BuildContext) -> None:
    labels = pod_template(ctx)["metadata"]["labels"]
    for selector in (
        client_service(ctx)["spec"]["selector"],
        agent_service(ctx)["spec"]["selector"],
        network_policy(ctx)["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector == server_selector(ctx.name)
        assert selector.items() <= labels.items()


def test_the_address_of_a_client_is_kept_behind_a_load_balancer() -> None:
    balanced = client_service(context(options={"client_service_type": "LoadBalancer"}))
    assert balanced["spec"]["externalTrafficPolicy"] == "Local"
    assert "externalTrafficPolicy" not in client_service(context())["spec"]


def test_the_agent_answers_for_a_pod_that_is_not_ready() -> None:
    spec = agent_service(context())["spec"]
    assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", True)


def test_the_policy_lets_in_clients_metrics_the_operator_and_replicas_and_lets_nothing_out() -> None:
    spec = network_policy(context(options={"operator_namespace": "ops", "operator_pod_labels": {"app": "op"}}))["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"] == []
    allowed = {rule["ports"][0]["port"]: rule.get("from") for rule in spec["ingress"]}
    assert allowed == {
        49300: None,
        8080: [{"namespaceSelector": {}}],
        8443: [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ops"}},
                "podSelector": {"matchLabels": {"app": "op"}},
            }
        ],
        8444: [{"podSelector": {"matchLabels": replicas_of("jean-moulin")}}],
    }


@given(contexts())
def test_the_server_understands_its_settings(ctx: BuildContext) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "settings.json")
        file.write_text(settings_configmap(ctx)["data"]["settings.json"], encoding="utf-8")
        read = load_settings(file)
    spec = ctx.base.spec
    assert read.display_name == spec.display_name
    assert read.licences.reserved_for_administrators == spec.licences.reserved_for_administrators
    assert read.security.ip_control == spec.security.ip_control
    assert len(read.security.preferred_addresses) == len(spec.security.preferred_addresses)
    assert list(read.disabled_clients) == list(spec.disabled_clients)


def test_parameters_are_what_a_client_needs() -> None:
    parameters = json.loads(parameters_configmap(context(), "PEM\n")["data"]["parameters.json"])
    assert parameters == {
        "format": "pronote-parameters/1",
        "uai": "0750654D",
        "displayName": "Collège Jean Moulin",
        "host": "jean-moulin-client.schools.svc",
        "port": 49300,
        "caCertificate": "PEM\n",
    }


def test_a_claim_keeps_the_size_and_class_that_it_must_keep() -> None:
    refused = StorageDecision(StorageAction.REFUSE_SHRINK, "10Gi", "fast", "no")
    for claim in (data_claim(context(), refused), snapshots_claim(context(), refused)):
        assert claim["spec"]["resources"]["requests"]["storage"] == "10Gi"
        assert claim["spec"]["storageClassName"] == "fast"


def test_a_claim_without_a_class_leaves_it_to_the_cluster() -> None:
    assert "storageClassName" not in data_claim(context())["spec"]


@pytest.mark.parametrize(
    ("template", "host"),
    [
        ("{name}-client.{namespace}.svc", "moulin-client.schools.svc"),
        ("{uai}.pronote.example.org", "0750654d.pronote.example.org"),
        ("pronote.example.org", "pronote.example.org"),
        ("192.0.2.7", "192.0.2.7"),
    ],
)
def test_hosts_come_from_the_template(template: str, host: str) -> None:
    assert host_from_template(template, name="moulin", namespace="schools", uai="0750654D") == host
    check_host_template(template)


@pytest.mark.parametrize(
    "template",
    [
        "{rne}.example.org",
        "{}.example.org",
        "{0}.example.org",
        "{name!r}.x",
        "{name:>9}.x",
        "{name.upper}.x",
        "{name",
        "}",
    ],
)
def test_an_unknown_placeholder_is_refused_with_those_allowed(template: str) -> None:
    with pytest.raises(HostTemplateError, match=r"allowed are \{name\}, \{namespace\}, \{uai\}"):
        check_host_template(template)


@pytest.mark.parametrize(
    "template",
    ["", ".example.org", "{name}..org", "Example.org", "{name}_x.org", "-a.org", "a" * 64, "{{name}}.org", "a\n"],
)
def test_what_is_no_host_name_is_refused(template: str) -> None:
    with pytest.raises(HostTemplateError, match="not a DNS name"):
        check_host_template(template)


@given(st.text(max_size=40))
def test_any_template_gives_a_host_name_or_is_refused(template: str) -> None:
    try:
        host = host_from_template(template, name="moulin", namespace="schools", uai="0750654D")
    except HostTemplateError:
        return
    assert host == host.lower()
    assert 0 < len(host) <= 253


def test_the_endpoint_has_the_port_of_the_service() -> None:
    assert client_endpoint(context()) == ("jean-moulin-client.schools.svc", 49300)
