"""The alerts in the chart are those of manifests/alerts, and only where they are asked for."""

from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import RELEASE, ROOT, Manifest, one, render

FILES = sorted((ROOT / "manifests" / "alerts").glob("*.yaml"))


def test_no_alerts_unless_asked_for(manifests: list[Manifest]) -> None:
    """A cluster without the Prometheus operator refuses the kind."""
    assert "PrometheusRule" not in {manifest["kind"] for manifest in manifests}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_the_alerts_are_those_of_the_plain_file(file: Path) -> None:
    name = f"{RELEASE}-{file.stem.removeprefix('pronote-')}"
    rule = one(render("--set", "alerts.enabled=true"), "PrometheusRule", name)
    assert rule["spec"] == yaml.safe_load(file.read_text())


def test_prometheus_finds_them_by_labels_of_ones_own() -> None:
    manifests = render("--set", "alerts.enabled=true,alerts.labels.release=monitoring")
    found = [m["metadata"]["labels"] for m in manifests if m["kind"] == "PrometheusRule"]
    assert len(found) == len(FILES)
    for labels in found:
        assert labels["release"] == "monitoring"
        assert labels["app.kubernetes.io/part-of"] == "pronote"


def test_every_alert_names_a_runbook_that_is_there() -> None:
    rules = [rule for file in FILES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
    for rule in rules:
        if "alert" in rule:
            assert (ROOT / rule["annotations"]["runbook"].partition("#")[0]).is_file(), rule["alert"]
