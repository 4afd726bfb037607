"""The alerts about CAS servers, both ways, as `promtool test rules` judges them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.promtool import promtool

RULES = Path(__file__).parents[2] / "manifests" / "alerts" / "pronote-ents.yaml"
CAS, OWN_CAS = "PronoteCasUnreachable", "PronoteOwnCasUnreachable"


def reachable(ent: str, pod: str = "operator-0") -> str:
    """The series of one ENT, as the pod that leads shows it."""
    return f'pronote_operator_cas_reachable{{ent="{ent}", pod="{pod}"}}'


def own(pod: str = "operator-0") -> str:
    """The series of servers that are not of the catalogue."""
    return f'pronote_operator_cas_own_unreachable{{pod="{pod}"}}'


def judge(folder: Path, series: dict[str, str], *checks: tuple[str, int, list[str]]) -> None:
    """Let promtool compare.

    Args:
        folder: for the test's file.
        series: values, one a minute, in promtool's notation.
        checks: alert, minute, and the label `ent` of each that fires then (empty text: without that label).
    Raises:
        AssertionError: something is otherwise, in promtool's words.
    """
    expected = []
    for alert, minute, ents in checks:
        samples = [
            {
                "labels": f'ALERTS{{alertname="{alert}", alertstate="firing", severity="warning"'
                + (f', ent="{ent}"' if ent else "")
                + "}",
                "value": 1,
            }
            for ent in ents
        ]
        query = f'ALERTS{{alertname="{alert}", alertstate="firing"}}'
        expected.append({"expr": query, "eval_time": f"{minute}m", "exp_samples": samples})
    run(folder, series, promql_expr_test=expected)


def run(folder: Path, series: dict[str, str], **tests: list[dict[str, Any]]) -> None:
    """Run promtool on one group of series. AssertionError with its words when it is not content."""
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    group = {"interval": "1m", "input_series": inputs, **tests}
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [group]}))
    done = subprocess.run([promtool(), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_servers_that_answer_are_quiet(tmp_path: Path) -> None:
    judge(tmp_path, {reachable("a"): "1x60", own(): "0x60"}, (CAS, 50, []), (OWN_CAS, 50, []))


def test_one_that_has_not_answered_for_ten_minutes_is_told_and_the_other_is_not(tmp_path: Path) -> None:
    series = {reachable("a"): "1x10 0x60", reachable("b"): "1x70"}
    judge(tmp_path, series, (CAS, 20, []), (CAS, 28, ["a"]), (CAS, 60, ["a"]))


def test_it_is_over_once_the_server_answers(tmp_path: Path) -> None:
    judge(tmp_path, {reachable("a"): "0x30 1x30"}, (CAS, 29, ["a"]), (CAS, 33, []))


def test_a_short_absence_is_no_alert(tmp_path: Path) -> None:
    judge(tmp_path, {reachable("a"): "1x10 0x8 1x30", own(): "0x10 1x8 0x30"}, (CAS, 19, []), (OWN_CAS, 19, []))


def test_an_ent_that_no_delegation_names_any_more_is_over(tmp_path: Path) -> None:
    judge(tmp_path, {reachable("a"): "0x30 stale"}, (CAS, 30, ["a"]), (CAS, 40, []))


def test_another_operator_that_takes_the_lead_does_not_begin_anew(tmp_path: Path) -> None:
    series = {reachable("a", "operator-0"): "0x8 stale", reachable("a", "operator-1"): "_x10 0x20"}
    judge(tmp_path, series, (CAS, 15, ["a"]))


def test_a_server_of_ones_own_is_told_without_its_name(tmp_path: Path) -> None:
    series = {own("operator-0"): "0x10 2x40", own("operator-1"): "0x50"}
    judge(tmp_path, series, (OWN_CAS, 18, []), (OWN_CAS, 28, [""]), (CAS, 28, []))


def test_the_words_name_the_ent(tmp_path: Path) -> None:
    (rule,) = [one for one in yaml.safe_load(RULES.read_text())["groups"][0]["rules"] if one["alert"] == CAS]
    words = {name: text.replace("{{ $labels.ent }}", "a") for name, text in rule["annotations"].items()}
    alert = {"exp_labels": {"ent": "a", "severity": "warning"}, "exp_annotations": words}
    told = {"alertname": CAS, "eval_time": "20m", "exp_alerts": [alert]}
    run(tmp_path, {reachable("a"): "0x30"}, alert_rule_test=[told])
