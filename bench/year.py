"""(j) a school year of a large fleet in virtual time, and what a pass of the planner of rollouts costs. No cluster."""

from __future__ import annotations

from bench.figures import Figure
from bench.year_simulation import Outcome, Year

BASES = 10_000
PASS_GOAL = 100.0
"""Milliseconds: a tenth of a second in which a pass over a whole channel may hold up everything else."""
RUN_GOAL = 120.0
"""Seconds of CPU for sixteen months, every base looked at by the oracle on every day."""


def measure(bases: int = BASES) -> list[Figure]:
    """Sixteen months; nothing comes of it unless every base was as it had to be on every day.

    Raises:
        OracleError: one was not.
    """
    return figures(bases, Year(bases).run())


def figures(bases: int, found: Outcome) -> list[Figure]:
    """What is told of a run."""
    halts = ", ".join(f"{channel} on {moment:%Y-%m-%d} with {failed}" for channel, moment, failed in found.halts)
    return [
        Figure(
            "j",
            "a school year, simulated",
            found.cpu_seconds,
            "s CPU",
            goal=RUN_GOAL,
            strict=True,
            note=f"{bases} bases, June 2026 to September 2027, {found.rolls} rolls, {found.looks} looks by the oracle",
            details={
                "seconds": round(found.seconds, 1),
                "passes": found.passes,
                "rolls": found.rolls,
                "failures": found.failures,
                "looks": found.looks,
                "halts": halts,
            },
        ),
        Figure(
            "j",
            "choosing who rolls: the longest pass",
            found.slowest * 1000,
            "ms CPU",
            goal=PASS_GOAL,
            strict=True,
            note=f"{found.spent * 1000 / max(found.decisions, 1):.2g} ms on average, the plan of waves included",
            details={"decisions": found.decisions},
        ),
        Figure("j", "in flight at once, at most", found.peak, note="5 % of the bases of a channel"),
        Figure("j", "halts", len(found.halts), note="3 % of the rolls fail, 2 % may, and no canary's"),
        Figure(
            "j",
            "taking up all bases after a restart",
            found.rebuilt * 1000 / bases,
            "ms CPU per base",
            note="year, release and roll of each planned anew",
        ),
    ]
