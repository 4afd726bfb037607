"""The rules files themselves: promtool has nothing to say, and each alert says how severe it is and where to read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.alerts.promtool import ROOT, RULES, promtool, rules


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_promtool_has_nothing_to_say_about_the_rules(path: Path) -> None:
    done = subprocess.run([promtool(), "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_every_alert_says_how_severe_it_is_and_where_to_read_on() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    for rule in alerts:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "description", "runbook"} == set(rule["annotations"])
        runbook = ROOT / rule["annotations"]["runbook"]
        assert rule["alert"] in runbook.read_text(), runbook


def test_every_alert_is_documented_and_tried() -> None:
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert set(re.findall(r"^\| (Pronote\w+) \|", page, flags=re.MULTILINE)) == alerts
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert all(f'"{alert}"' in tests for alert in alerts)
