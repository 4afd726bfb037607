"""(c) what an operator with nothing to do writes, (d) what a pass with nothing to do costs."""

from __future__ import annotations

import asyncio
import time

from bench import schools, watching
from bench.counters import read
from bench.creation import memory_figures
from bench.figures import Figure
from bench.hand import each
from bench.stage import Stage
from pronote_operator.cluster.kinds import BASES
from tests.support.operator_process import OperatorProcess

IDLE_SECONDS = 120
NOOP_GOAL = 2.0
"""Milliseconds."""


async def idle(stage: Stage, operator: OperatorProcess) -> None:
    """(c) Nothing happens for two minutes."""
    before = await read(operator)
    ends = time.monotonic() + IDLE_SECONDS
    with stage.progress.step("(c) two minutes of nothing", lambda: stage.doing):
        while (left := ends - time.monotonic()) > 0:
            stage.tell(f"{left:.0f} s left")
            await asyncio.sleep(min(left, 5))
        change = (await read(operator)).since(before)
        stage.note_load("c")
    minutes = change.seconds / 60
    stage.figures += [
        Figure(
            "c",
            "writes per minute when idle",
            change.writes / minutes,
            goal=0,
            note=f"PATCH, POST, DELETE in {change.seconds:.0f} s; the Lease alone is renewed by PUT "
            f"({change.renewals / minutes:.0f}/min) and is not counted",
            details=change.by_verb(),
        ),
        Figure("c", "reads per minute when idle, without the Lease's", change.reads / minutes),
        Figure("c", "CPU when idle", change.cpu / change.seconds * 100, "% of a core"),
        *memory_figures(operator, stage.bases, "idle"),
    ]


async def noop(stage: Stage, operator: OperatorProcess) -> None:
    """(d) Every base is touched in a way that changes nothing for it: a label of its own."""
    wanted = schools.schools(stage.bases)
    before = await read(operator)
    mark = str(before.passes)

    async def touch(one: schools.School) -> None:
        await stage.hand.merge(BASES.path(one.namespace, one.name), {"metadata": {"labels": {"bench/touched": mark}}})

    with stage.progress.step("(d) a label on each base", lambda: stage.doing):
        await each(wanted, touch, at_once=8)

        async def all_passed() -> bool:
            now = await read(operator)
            stage.tell(f"{now.passes - before.passes} passes")
            return now.passes - before.passes >= stage.bases and not now.busy

        await watching.eventually(
            all_passed, within=stage.within, every=0.5, what="a pass for each touched base", said=operator.tail
        )
        change = (await read(operator)).since(before)
        stage.note_load("d")
    sent = {verb: count for verb, count in change.by_verb().items() if verb not in ("PUT", "WATCH")}
    requests = change.writes + change.reads
    stage.figures += [
        Figure(
            "d",
            "CPU per pass with nothing to do",
            change.cpu * 1000 / change.passes,
            "ms",
            goal=NOOP_GOAL,
            strict=True,
            note=f"all CPU of the process in {change.seconds:.0f} s, event and Lease included; {change.passes} passes",
        ),
        Figure(
            "d",
            "requests sent by those passes",
            max(0, requests),
            goal=0,
            note="without the Lease's pairs of GET and PUT",
            details={**sent, "leaseRenewals": change.renewals},
        ),
    ]
