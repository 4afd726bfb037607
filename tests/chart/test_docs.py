"""The documents keep to the facts that a program can check: links, metrics, reasons, samples, settings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.registry import CollectorRegistry

from pronote_net.metrics import Metrics as ReplicaMetrics
from pronote_operator.agent.metrics import AgentMetrics
from pronote_operator.agent.snapshot_metrics import SnapshotMetrics
from pronote_operator.api import constants
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.metrics import IDLE
from pronote_operator.metrics import Metrics as OperatorMetrics
from pronote_server.metrics import Metrics as ServerMetrics
from tests.chart.rendering import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")


def without_code(path: Path) -> str:
    """The document without its code blocks."""
    return re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors of the headings, as the usual renderers of Markdown make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(without_code(document)):
        if target.startswith(("http://", "https://")):
            continue
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), target
        if anchor:
            assert anchor[1:] in anchors(path), target + anchor


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_yaml_example_parses(document: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", document.read_text(), flags=re.DOTALL):
        list(yaml.safe_load_all(block))


def test_the_first_school_of_the_readme_is_valid() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    PronoteBase.model_validate(yaml.safe_load(block))


def names(registry: CollectorRegistry) -> Iterator[str]:
    """Metrics as a scrape names them, histograms once."""
    for family in registry.collect():
        yield family.name + ("_total" if family.type == "counter" else "")


def documented(heading: str) -> set[str]:
    """First cells of the tables below a heading of metrics.md, down to the next heading of any level."""
    text = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    section = re.split(r"^#+ ", text.split(f"{heading}\n", 1)[1], flags=re.MULTILINE)[0]
    return set(re.findall(r"^\| (pronote_\w+) \|", section, flags=re.MULTILINE))


def test_the_metrics_of_the_operator_are_the_documented_ones() -> None:
    assert set(names(OperatorMetrics(lambda: IDLE).registry)) == documented("## The operator")


def test_the_metrics_of_the_agent_are_the_documented_ones() -> None:
    registry = AgentMetrics("0", "0750654D").registry
    SnapshotMetrics(registry, Path("/"))
    assert set(names(registry)) == documented("### From the agent")


def test_the_metrics_of_the_server_are_the_documented_ones() -> None:
    counted = {name for name in names(ServerMetrics("0", 2026).registry) if "_process_" not in name}
    source = (ROOT / "server" / "pronote_server" / "metrics.py").read_text()
    of_the_moment = set(re.findall(r"GaugeMetricFamily\(\s*\"(\w+)\"", source))
    assert counted | of_the_moment == documented("### From the server")


def test_the_metrics_of_the_replicas_are_the_documented_ones() -> None:
    counted = {name for name in names(ReplicaMetrics().registry) if "_process_" not in name}
    assert counted == documented("### From the replicas of PRONOTE.net")


def test_the_documented_reasons_of_a_stall_are_those_in_the_code() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "operator").rglob("*.py"))
    raised = set(re.findall(r"(?:Unusable|Verdict)\(\s*\"([A-Z]\w+)\"", sources))
    raised |= {getattr(constants, name) for name in re.findall(r"(?:Unusable|Verdict)\(\s*([A-Z][A-Z_]+)\b", sources)}
    text = (ROOT / "docs" / "reference" / "conditions.md").read_text()
    sections = [part for part in re.split(r"^##+ ", text, flags=re.MULTILINE) if part.startswith("Stalled")]
    rows = re.findall(r"^\| ([A-Z][a-z]\w+) \|", "\n".join(sections), flags=re.MULTILINE)
    assert set(rows) - {"Reason"} == raised
