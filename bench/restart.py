"""(e) the operator stops and starts again over everything that is there."""

from __future__ import annotations

import time

from bench import watching
from bench.counters import read
from bench.creation import memory_figures
from bench.figures import Figure
from bench.stage import Stage
from tests.support.operator_process import OperatorProcess

ALL_KNOWN = "Every base had its first pass"


async def measure(stage: Stage, operator: OperatorProcess) -> None:
    """Restart the operator in place; it runs on."""
    seen = len(watching.logged_times(operator, ALL_KNOWN))
    stopping = operator.terminate(60)
    with stage.progress.step("(e) a restart", lambda: stage.doing):
        started, offset = time.monotonic(), time.time() - time.monotonic()
        operator.start()
        await watching.wait_leading(operator, within=90)
        leading = watching.logged_times(operator, "This replica leads.")[-1] - offset

        async def all_known() -> bool:
            now = await read(operator)
            stage.tell(f"{now.passes} passes")
            return len(watching.logged_times(operator, ALL_KNOWN)) > seen and not now.busy

        await watching.eventually(
            all_known, within=stage.within, every=0.25, what="a pass for each base", said=operator.tail
        )
        done = await read(operator)
        stage.note_load("e")
        settled = await watching.settle(operator, stage.bases, within=stage.within)
    stage.figures += [
        Figure(
            "e",
            "writes caused by a restart",
            settled.writes,
            goal=0,
            note="besides the Lease; until five quiet seconds after everything was reconciled",
            details={f"{verb} {code}": count for (verb, code), count in sorted(settled.requests.items())},
        ),
        Figure(
            "e",
            "process start to everything reconciled",
            done.seconds - started,
            "s",
            note=f"of it {leading - started:.1f} s until it held the Lease; the stop before took {stopping:.1f} s",
        ),
        Figure("e", "CPU of a restart", done.cpu, "s", note=f"{done.passes} passes"),
        *memory_figures(operator, stage.bases, "after a restart"),
    ]
