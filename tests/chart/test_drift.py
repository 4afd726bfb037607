"""What is generated is in step with its sources."""

import yaml

from charts.render import CRDS, INSTALL, drift
from tests.chart.rendering import Manifest, render

HELM_ADDS = {"helm.sh/resource-policy"}


def test_install_yaml_and_the_definitions_in_the_chart_are_up_to_date() -> None:
    assert drift() == [], "run: python charts/render.py --write"


def test_install_yaml_holds_what_the_chart_renders_and_the_namespace(cluster_wide: list[Manifest]) -> None:
    namespace, *rest = [document for document in yaml.safe_load_all(INSTALL.read_text()) if document]
    assert namespace["kind"] == "Namespace"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert rest == [m for m in cluster_wide if m["metadata"].get("annotations", {}).get("helm.sh/hook") != "test"]


def test_rendering_a_definition_changes_nothing_but_labels_and_the_policy_to_keep_it() -> None:
    rendered = {m["metadata"]["name"]: m for m in render() if m["kind"] == "CustomResourceDefinition"}
    sources = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    assert len(rendered) == len(sources) == 5
    for source in sources:
        definition = rendered[source["metadata"]["name"]]
        assert definition["spec"] == source["spec"]
        annotations = definition["metadata"]["annotations"]
        assert {k: v for k, v in annotations.items() if k not in HELM_ADDS} == source["metadata"].get("annotations", {})
