"""Goals, percentiles, and how figures are shown and kept."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench import report
from bench.figures import Figure, percentile


@pytest.mark.parametrize(
    ("value", "strict", "met"), [(13.9, False, True), (14, False, True), (14, True, False), (14.1, False, False)]
)
def test_a_goal_may_be_reached_unless_it_must_be_stayed_under(value: float, strict: bool, met: bool) -> None:
    assert Figure("b", "writes", value, goal=14, strict=strict).met is met


def test_a_figure_without_a_goal_is_neither_met_nor_missed() -> None:
    figure = Figure("b", "reads", 12)
    assert figure.met is None
    assert "met" not in figure.as_json()


def test_the_99th_percentile_of_two_hundred_leaves_out_the_two_worst() -> None:
    values = [0.1] * 197 + [0.7, 5.0, 9.0]
    assert percentile(values, 0.99) == 0.7
    assert percentile([*reversed(values)], 1.0) == 9.0
    assert percentile([0.3], 0.99) == 0.3


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, share)


FIGURES = [
    Figure("d", "resident memory", 83.04, "MB", goal=100, strict=True, note="peak 90 MB", details={"peak": 90.1}),
    Figure("b", "reads", 12.0),
    Figure("b", "writes", 14.255, goal=14),
]


def test_the_table_orders_by_letter_and_says_what_is_missed() -> None:
    text = io.StringIO()
    report.show(Console(file=text, width=160), FIGURES, {"b": 1.5}, "1000 bases")
    rows = [line.split() for line in text.getvalue().splitlines()]
    assert ["b", "writes", "14.3", "≤", "14", "missed", "1.5"] in rows
    assert ["reads", "12"] in rows
    assert any(row[:3] == ["d", "resident", "memory"] and "met" in row and "<" in row for row in rows)


def test_the_json_keeps_details_and_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    report.write_json(path, FIGURES, {"bases": 1000})
    document = json.loads(path.read_text())
    assert document["bases"] == 1000
    writes, reads, memory = document["figures"]
    assert (writes["name"], writes["met"]) == ("writes", False)
    assert "goal" not in reads
    assert memory["details"] == {"peak": 90.1}
