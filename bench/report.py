"""The table for people and the JSON for comparisons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.figures import Figure

CAVEAT = (
    "Pods of kwok's nodes become Ready by a stage: nothing runs in them. Nothing calls their agents but in (k), where "
    "one process stands in for all of them."
)


def table(figures: list[Figure], loads: dict[str, float], title: str) -> Table:
    """Figures by letter; the load average beside the first of each."""
    found = Table(title=title, box=box.SIMPLE_HEAVY, caption=CAVEAT, caption_justify="left")
    for name in ("", "Figure"):
        found.add_column(name)
    for name in ("Measured", "Goal"):
        found.add_column(name, justify="right", no_wrap=True)
    found.add_column("")
    found.add_column("Load", justify="right")
    found.add_column("Note", overflow="fold", ratio=1)
    letter = ""
    for figure in ordered(figures):
        first = figure.key != letter
        letter = figure.key
        load = f"{loads[letter]:.1f}" if first and letter in loads else ""
        verdict = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        measured = f"{number(figure.value)} {figure.unit}".strip()
        found.add_row(letter if first else "", figure.name, measured, goal(figure), verdict, load, figure.note)
    return found


def ordered(figures: list[Figure]) -> list[Figure]:
    """By letter, those with a goal first."""
    return sorted(figures, key=lambda figure: (figure.key, figure.goal is None))


def goal(figure: Figure) -> str:
    """The goal in a word, such as `< 100 MB`."""
    if figure.goal is None:
        return ""
    return f"{'<' if figure.strict else '≤'} {figure.goal:g} {figure.unit}".strip()


def number(value: float) -> str:
    """Three digits that count; whole numbers from a hundred on."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def write_json(path: Path, figures: list[Figure], facts: dict[str, Any]) -> None:
    """Keep everything, details included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {**facts, "caveat": CAVEAT, "figures": [figure.as_json() for figure in ordered(figures)]}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def show(console: Console, figures: list[Figure], loads: dict[str, float], title: str) -> None:
    """Print the table."""
    console.print(table(figures, loads, title))
