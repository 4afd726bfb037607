"""The order of the measurements."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import (
    creation,
    crosscheck,
    planner,
    quiet,
    reaction,
    restart,
    rolling,
    schools,
    snapshot_storage,
    web_load,
    year,
)
from bench.bare import seconds_of_bare_loop
from bench.figures import Figure
from bench.hand import Hand, hand
from bench.machine import load
from bench.plane import fresh_plane
from bench.stage import Stage
from local_cluster import Cluster
from local_cluster.progress import Progress

LETTERS = "abcdefghijk"
ON_A_PLANE = frozenset("abcdefk")
"""The figures that need a control plane."""
BARE_BASES = 1000
"""The bare loop's time per child hardly depends on their number, and it runs twice."""
SECONDS_PER_BASE = 1.0
"""A bound for waits, some five times what was measured on two busy cores."""


@dataclass
class Outcome:
    """What one run came to."""

    figures: list[Figure] = field(default_factory=list)
    loads: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def run(bases: int, letters: frozenset[str], folder: Path, progress: Progress) -> Outcome:
    """Measure.

    Args:
        bases: how many.
        letters: of the figures that are wanted; bases are created for any of `ON_A_PLANE`.
        folder: for the operator's logs.

    Raises:
        BenchError, LocalClusterError: something did not come about.
    """
    began = time.monotonic()
    within = 180 + bases * SECONDS_PER_BASE
    planning: list[Figure] = []
    if "g" in letters:
        with progress.step(f"(g) snapshots of {planner.BASES} bases, planned in virtual time"):
            planning = planner.measure()
    outcome = Outcome()
    if letters & ON_A_PLANE:
        bare: list[tuple[int, float]] = []
        if "a" in letters:
            bare.append(_bare(bases, progress))
        with fresh_plane(progress) as cluster:
            outcome, seconds = asyncio.run(_with_operator(cluster, bases, letters, folder, progress, within))
        if "a" in letters:
            bare.append(_bare(bases, progress))
            outcome.figures += creation.ratio(seconds, bases, bare)
    outcome.figures += planning
    if "h" in letters:
        outcome.figures += snapshot_storage.measure(progress)
    if "i" in letters:
        outcome.figures += web_load.measure(progress)
    if "j" in letters:
        with progress.step(f"(j) a school year of {year.BASES} bases in virtual time"):
            outcome.figures += year.measure()
    outcome.figures = [figure for figure in outcome.figures if figure.key in letters]
    outcome.seconds = time.monotonic() - began
    return outcome


def _bare(bases: int, progress: Progress) -> tuple[int, float]:
    count = min(bases, BARE_BASES)

    async def loop(cluster: Cluster) -> float:
        async with hand(cluster.kubeconfig) as own:
            with progress.step(f"(a) a bare loop over the manifests of {count} bases", lambda: f"load {load()}"):
                return await seconds_of_bare_loop(cluster, own, schools.schools(count))

    with fresh_plane(progress) as cluster:
        return count, asyncio.run(loop(cluster))


async def _with_operator(
    cluster: Cluster, bases: int, letters: frozenset[str], folder: Path, progress: Progress, within: float
) -> tuple[Outcome, float]:
    async with hand(cluster.kubeconfig) as own:
        stage = _stage(cluster, own, bases, folder, progress, within)
        operator = stage.operator()
        if "k" in letters:
            rolling.prepare(stage)
        try:
            seconds = await creation.measure(stage, operator)
            steps: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
                ("c", lambda: quiet.idle(stage, operator)),
                ("d", lambda: quiet.noop(stage, operator)),
                ("e", lambda: restart.measure(stage, operator)),
                ("f", lambda: reaction.measure(stage, operator)),
                ("k", lambda: rolling.measure(stage, operator)),
            )
            for letter, step in steps:
                if letter in letters:
                    await step()
        finally:
            operator.kill()
        if "b" in letters:
            await crosscheck.measure(stage)
    return Outcome(stage.figures, stage.loads), seconds


def _stage(cluster: Cluster, own: Hand, bases: int, folder: Path, progress: Progress, within: float) -> Stage:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("operator-*.log"):
        old.unlink()
    return Stage(cluster, own, bases, folder, progress, within)
