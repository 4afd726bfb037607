"""The PodMonitors select what there is to scrape, wherever bases may be, and only where they are asked for."""

from __future__ import annotations

import pytest

from pronote_operator.builders.names import child_labels
from tests.chart.rendering import MODES, RELEASE, Manifest, one, render, templated

ON = ("--set", "monitors.enabled=true")


def test_no_monitors_unless_asked_for(manifests: list[Manifest]) -> None:
    """A cluster without the Prometheus operator refuses the kind."""
    assert "PodMonitor" not in {manifest["kind"] for manifest in manifests}


def test_the_operators_own_pods_are_selected_and_have_the_port() -> None:
    rendered = render(*ON)
    monitor = one(rendered, "PodMonitor", RELEASE)["spec"]
    pod = one(rendered, "Deployment", RELEASE)["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = [port["name"] for container in pod["spec"]["containers"] for port in container["ports"]]
    assert [endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]] == ["metrics"]
    assert ports.count("metrics") == 1


def test_all_that_is_made_for_a_base_is_selected() -> None:
    monitor = one(render(*ON), "PodMonitor", f"{RELEASE}-bases")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= child_labels("jean-moulin").items()


@pytest.mark.parametrize(("mode", "spaces"), [("cluster-wide", {"any": True}), ("namespaced", None)])
def test_bases_are_looked_for_where_the_operator_looks(mode: str, spaces: dict[str, object] | None) -> None:
    rendered = render(*ON, *MODES[mode])
    selector = one(rendered, "PodMonitor", f"{RELEASE}-bases")["spec"]["namespaceSelector"]
    roles = {m["metadata"]["namespace"] for m in rendered if m["kind"] == "Role"} - {"pronote-system"}
    assert selector == ({"matchNames": sorted(roles)} if spaces is None else spaces)


def test_prometheus_finds_them_by_labels_of_ones_own() -> None:
    rendered = render(*ON, "--set", "monitors.labels.release=monitoring,monitors.interval=30s")
    monitors = [m for m in rendered if m["kind"] == "PodMonitor"]
    assert len(monitors) == 2
    for monitor in monitors:
        assert monitor["metadata"]["labels"]["release"] == "monitoring"
        assert monitor["spec"]["podMetricsEndpoints"][0]["interval"] == "30s"


def test_an_interval_that_prometheus_would_not_read_is_refused() -> None:
    done = templated(*ON, "--set", "monitors.interval=often")
    assert done.returncode != 0
    assert "monitors/interval" in done.stderr or "monitors.interval" in done.stderr
