"""`python -m bench`: measure the operator, print one table, keep it as JSON."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import report
from bench.errors import BenchError
from bench.machine import description, load
from bench.plane import alone
from bench.run import LETTERS, run
from local_cluster import LocalClusterError
from local_cluster.progress import Progress, elapsed

ROOT = Path(__file__).resolve().parent.parent
JSON = ROOT / "build" / "bench.json"
KEPT = ROOT / "docs" / "reference" / "bench.json"
LOGS = ROOT / "build" / "bench"
WIDTH = 160
"""Columns where there is no terminal."""

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def wanted(text: str) -> frozenset[str]:
    """The letters of `--only`.

    Raises:
        typer.BadParameter: there is no such figure.
    """
    letters = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := letters - set(LETTERS):
        raise typer.BadParameter(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(LETTERS)}")
    return letters or frozenset(LETTERS)


def _end(number: int, _: object) -> None:
    # As an error would: on its way out everything that was started is ended.
    sys.exit(128 + number)


@cli.command()
def main(
    bases: Annotated[int, typer.Option(min=20, max=20000, help="How many bases.")] = 1000,
    only: Annotated[str, typer.Option(help="Figures to measure, such as a,d; all by default.")] = "",
    save: Annotated[bool, typer.Option("--save", help="Also keep the JSON in docs/reference.")] = False,
) -> None:
    """Measure the operator on a control plane with fake nodes.

    (a) time to all children, over a bare loop's; (b) API writes per base; (c) writes when idle; (d) memory, and CPU of
    a pass with nothing to do; (e) a restart; (f) reaction to a child's change; (g) planning of snapshots, simulated;
    (h) storage and CPU of snapshots; (i) PRONOTE.net under load; (j) a school year of a fleet, simulated; (k) all bases
    roll to another release.
    """
    letters = wanted(only)
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    progress = Progress()
    start_load = load()
    try:
        with alone():
            outcome = run(bases, letters, LOGS, progress)
    except (BenchError, LocalClusterError) as error:
        progress.say(f"{error}\nThe operator's logs are in {LOGS}.")
        sys.exit(1)
    facts = {
        "bases": bases,
        **description(),
        "loadAverageBefore": start_load,
        "loadAverages": outcome.loads,
        "seconds": round(outcome.seconds),
    }
    title = f"{bases} bases, {facts['cores']} cores, load before {start_load:.1f}, {elapsed(outcome.seconds)}"
    report.show(console, outcome.figures, outcome.loads, title)
    for path in (JSON, *([KEPT] if save else [])):
        report.write_json(path, outcome.figures, facts)
        console.print(f"Written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    cli()
