"""(j) a school year of a large fleet in virtual time, and what a pass of the planner of rollouts costs. No cluster."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median

from bench.figures import Figure
from bench.year_simulation import MAX_CONCURRENT, MAX_FAILURES, SOAK, Outcome, Year
from bench.year_world import IMAGE, WINDOW, schools
from pronote_operator.planning.waves import Rules, WaveMember, Waves, release_part, year_part

BASES = 10_000
EVENING = datetime(2026, 8, 26, 19, tzinfo=UTC)
RULES = Rules(WINDOW, MAX_CONCURRENT, MAX_FAILURES, SOAK, generation=1)
_DUE = (release_part("2026.2.5", f"{IMAGE}:2026.2.5"), year_part("metropole", 2026))
PASS_GOAL = 100.0
"""Milliseconds: a tenth of a second in which a pass over a whole channel may hold up everything else."""
RUN_GOAL = 120.0
"""Seconds of CPU for sixteen months, every base looked at by the oracle on every day."""


COLD_ROUNDS = 5


def cold_pass(bases: int = BASES) -> float:
    """CPU seconds of a pass from nothing, as after a restart: all take their places, a choice and a plan are made.

    The median of some rounds, on the evening on which release and year fall due for all of them.
    """
    members = [
        WaveMember(
            school.key, school.uid, school.region.tz, canary=school.canary, parts=_DUE, lacks=_DUE, updated=False
        )
        for school in schools(bases)
    ]
    rounds: list[float] = []
    for _ in range(COLD_ROUNDS):
        began = time.process_time()
        waves = Waves(members)
        waves.decide(RULES, EVENING)
        waves.plan(RULES, EVENING)
        rounds.append(time.process_time() - began)
    return median(rounds)


def measure(bases: int = BASES) -> list[Figure]:
    """Sixteen months; nothing comes of it unless every base was as it had to be on every day.

    Raises:
        OracleError: one was not.
    """
    return figures(bases, Year(bases).run(), cold_pass(bases))


def figures(bases: int, found: Outcome, cold: float) -> list[Figure]:
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
        Figure(
            "j",
            "choosing who rolls: a pass from nothing",
            cold * 1000,
            "ms CPU",
            goal=PASS_GOAL,
            strict=True,
            note=f"{bases} bases take their places, as after a restart of the operator; median of {COLD_ROUNDS}",
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
