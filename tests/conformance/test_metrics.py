"""Metrics: Prometheus's format, the names of the contract, closed labels."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from prometheus_client import Metric

    from tests.conformance.harness import Server

EXPECTED = {
    "pronote_info": {"version", "school_year"},
    "pronote_connections": {"application", "mode", "espace"},
    "pronote_logins_total": {"application", "mode", "espace", "result"},
    "pronote_licences_used": {"mode"},
    "pronote_licences_limit": {"mode"},
    "pronote_blocked_addresses": set[str](),
    "pronote_settings_last_reload_timestamp_seconds": set[str](),
    "pronote_settings_last_reload_successful": set[str](),
}
"""Samples of the contract and their labels."""

LABEL_VALUES = {
    "application": {"Client", "PRONOTE.net"},
    "mode": {"administratif", "enseignant", "vie-scolaire", "consultation"},
    "espace": {
        "",
        "Direction",
        "Professeurs",
        "VieScolaire",
        "Parents",
        "Eleves",
        "Accompagnants",
        "Entreprise",
        "Academie",
        "Inscription",
    },
    "result": {"success", "refused", "licence", "disabled", "blocked"},
    "version": {"2026.2.5"},
    "school_year": {"2026"},
}


def test_every_metric_of_the_contract_is_there_with_closed_labels(server: Server) -> None:
    samples = [sample for family in _families(server) for sample in family.samples]
    for name, labels in EXPECTED.items():
        found = [sample for sample in samples if sample.name == name]
        assert found, name
        for sample in found:
            assert set(sample.labels) == labels, name
            assert all(value in LABEL_VALUES[label] for label, value in sample.labels.items()), sample


def test_results_of_logins_are_counted_from_zero(server: Server) -> None:
    for result in LABEL_VALUES["result"]:
        labels = {"application": "Client", "mode": "administratif", "result": result}
        assert server.metric("pronote_logins_total", **labels) == 0


def test_the_format_is_prometheus_text(server: Server) -> None:
    answer = server.admin("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    promtool = shutil.which("promtool")
    if promtool is not None:
        checked = subprocess.run([promtool, "check", "metrics"], input=answer.body, capture_output=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    # What promtool looks for, so that a machine without it proves the same.
    families = _families(server)
    assert families
    for family in families:
        assert family.documentation, family.name
        assert re.fullmatch(r"pronote_[a-z0-9_]+", family.name), family.name
        assert not re.search(r"_(milliseconds|minutes|kilobytes|megabytes|ms|kb)(_|$)", family.name), family.name
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        else:
            assert not family.name.endswith(("_total", "_count", "_sum")), family.name


def _families(server: Server) -> list[Metric]:
    return list(text_string_to_metric_families(server.admin("GET", "/metrics").body.decode()))
