"""Every setting of the operator comes from the chart, with the same default and the same bounds."""

import json
from typing import Any

from pydantic.alias_generators import to_camel

from pronote_operator.settings import Settings
from tests.chart.rendering import CHART, Manifest, one, render

PREFIX = "PRONOTE_OPERATOR_"

ELSEWHERE = {"image", "image_pull_policy", "watch_namespaces", "service_account", "role_for_secrets", "ent_catalogue"}
"""Settings that follow from other values than `settings.*`."""


def environment(manifests: list[Manifest]) -> dict[str, str]:
    """The operator's settings as environment variables, without the prefix, in lower case."""
    (box,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {
        entry["name"].removeprefix(PREFIX).lower(): entry["value"]
        for entry in box["env"]
        if entry["name"].startswith(PREFIX)
    }


def test_the_chart_sets_every_setting_and_no_other(manifests: list[Manifest]) -> None:
    assert set(environment(manifests)) == set(Settings.model_fields)


def test_the_defaults_of_the_chart_are_those_of_the_operator(cluster_wide: list[Manifest]) -> None:
    read = Settings.model_validate(environment(cluster_wide))
    default = Settings.model_construct()
    for name in set(Settings.model_fields) - {"role_for_secrets"}:
        assert getattr(read, name) == getattr(default, name), name
    assert read.role_for_secrets == "pronote-operator-secrets"


def test_the_operator_reads_back_the_list_of_namespaces(namespaced: list[Manifest]) -> None:
    read = Settings.model_validate(environment(namespaced))
    assert read.watch_namespaces == ("schools", "ten-schools")
    assert read.role_for_secrets == ""


def test_the_operator_knows_its_account_under_another_name() -> None:
    read = Settings.model_validate(environment(render("--set", "serviceAccount.name=other")))
    assert read.service_account == "other"


def test_the_schema_has_the_bounds_of_the_operator() -> None:
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    chart = schema["properties"]["settings"]["properties"]
    operator = Settings.model_json_schema()["properties"]
    assert set(chart) == {to_camel(name) for name in set(operator) - ELSEWHERE}
    for name in set(operator) - ELSEWHERE - {"http_port"}:
        for bound in ("minimum", "maximum", "minLength", "maxLength", "enum"):
            if bound in operator[name]:
                assert chart[to_camel(name)].get(bound) == operator[name][bound], (name, bound)
