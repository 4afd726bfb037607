"""(a) how long until all children of all bases exist, (b) what was written and read for it, (d) memory afterwards."""

from __future__ import annotations

import time

from bench import schools, watching
from bench.counters import Memory, Reading, memory, read
from bench.figures import Figure
from bench.hand import operators_client
from bench.plane import create_bases, furnish
from bench.stage import Stage
from tests.support.operator_process import OperatorProcess

RATIO_GOAL = 1.3
WRITES_GOAL = schools.CHILDREN + 2
MEMORY_GOALS = ((1000, 100.0), (5000, 150.0))
"""(up to so many bases, megabytes)."""


async def measure(stage: Stage, operator: OperatorProcess) -> float:
    """Start the operator over bases that wait for it.

    Returns:
        Seconds from holding the Lease until all children exist. The operator runs on.
    """
    progress, hand = stage.progress, stage.hand
    with progress.step(f"{stage.bases} bases, waiting for an operator"):
        await furnish(hand)
        await create_bases(hand, schools.schools(stage.bases))
    before = await watching.counts(hand)
    async with (
        operators_client(stage.cluster.kubeconfig) as client,
        watching.channel_writes(client) as channel,
    ):
        with progress.step("(a) the operator makes their children", lambda: stage.doing):
            started = time.monotonic()
            operator.start()
            await watching.wait_leading(operator, within=60)
            offset = time.time() - time.monotonic()
            leading = watching.logged_times(operator, "This replica leads.")[-1] - offset
            end = await watching.wait_for_children(hand, before, stage.bases, within=stage.within, tell=stage.tell)
            at_children = await read(operator)
            while_made = memory(operator.pid)
            stage.note_load("a")
        with progress.step("(b) until all are Ready", lambda: stage.doing):
            settled = await watching.settle(operator, stage.bases, within=stage.within, tell=stage.tell)
            stage.note_load("b")
    stage.figures += [
        Figure("a", "operator: lease held to all children there", end - leading, "s", note=f"{stage.bases} bases"),
        Figure("a", "operator: process start to lease held", leading - started, "s"),
        Figure("a", "operator: lease held to all bases Ready", settled.seconds - leading, "s"),
        Figure(
            "a",
            "operator's CPU for it, per base",
            at_children.cpu * 1000 / stage.bases,
            "ms",
            note=f"{at_children.cpu / (end - started):.0%} of one core meanwhile",
        ),
        *per_base(settled, stage.bases, channel.writes),
        Figure(
            "d",
            f"resident memory with {stage.bases} bases, when all children are there",
            while_made.resident,
            "MB",
            note=beside(while_made),
        ),
        *memory_figures(operator, stage.bases, "after creation"),
    ]
    return end - leading


def ratio(operator: float, bases: int, bare: list[tuple[int, float]]) -> list[Figure]:
    """The ratio to the bare loop.

    Args:
        operator: seconds for the children of so many bases.
        bare: (bases, seconds) of each bare loop.
    """
    rates = [seconds / count for count, seconds in bare]
    mean = sum(rates) / len(rates)
    each = ", ".join(f"{seconds:.1f} s for {count}" for count, seconds in bare)
    return [
        Figure(
            "a",
            "time to all children, over that of a bare loop",
            operator / bases / mean,
            goal=RATIO_GOAL,
            note=f"bare loop before and after: {each}; each on a fresh control plane",
            details={"bare": [{"bases": count, "seconds": round(seconds, 2)} for count, seconds in bare]},
        )
    ]


def per_base(settled: Reading, bases: int, channel: int) -> list[Figure]:
    """Writes and reads of a base's way to Ready, from the operator's own counters since its start.

    Args:
        channel: writes of the VersionChannel's status among them: of the fleet, not of a base.
    """
    lease = 1  # created by POST on a fresh control plane; renewals are told by their verb
    details = {f"{verb} {code}": count for (verb, code), count in sorted(settled.requests.items())}
    return [
        Figure(
            "b",
            "API writes per base, creation to Ready",
            (settled.writes - channel - lease) / bases,
            goal=WRITES_GOAL,
            note=f"13 children + 2; not counted: VersionChannel {channel}, Lease {lease + settled.renewals}",
            details=details,
        ),
        Figure("b", "API reads per base, creation to Ready", settled.reads / bases),
        Figure("b", "passes per base, creation to Ready", settled.passes / bases, note=f"{settled.errors} failed"),
    ]


def memory_figures(operator: OperatorProcess, bases: int, when: str) -> list[Figure]:
    """Resident memory now."""
    now = memory(operator.pid)
    goal = next((goal for limit, goal in MEMORY_GOALS if bases <= limit), None)
    return [
        Figure(
            "d",
            f"resident memory with {bases} bases, {when}",
            now.resident,
            "MB",
            goal=goal,
            strict=True,
            note=f"peak {now.peak:.0f} MB; {beside(now)}",
            details={"peak": round(now.peak, 1), "beside": round(now.beside, 1)},
        )
    ]


def beside(now: Memory) -> str:
    """What is said of the processes that the operator started: their memory is no part of its own."""
    return f"beside it {now.beside:.0f} MB in processes that it started" if now.beside else "no process beside it"
