"""The alerts in the chart are those of manifests/alerts, and only where they are asked for."""

import yaml

from tests.chart.rendering import ROOT, Manifest, one, render

RULES = ROOT / "manifests" / "alerts" / "pronote-snapshots.yaml"


def test_no_alerts_unless_asked_for(manifests: list[Manifest]) -> None:
    """A cluster without the Prometheus operator refuses the kind."""
    assert "PrometheusRule" not in {manifest["kind"] for manifest in manifests}


def test_the_alerts_are_those_of_the_plain_file() -> None:
    rule = one(render("--set", "alerts.enabled=true"), "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text())


def test_prometheus_finds_them_by_labels_of_ones_own() -> None:
    labels = one(render("--set", "alerts.enabled=true,alerts.labels.release=monitoring"), "PrometheusRule")["metadata"]
    assert labels["labels"]["release"] == "monitoring"
    assert labels["labels"]["app.kubernetes.io/part-of"] == "pronote"
