"""The operator killed at every step of a rollover: the same end, nobody rolled twice, no year skipped.

Two bases take a release and a school year in one restart; the release does not start for one of them, which goes back.
See `rollovers` for how the steps are found, and how the kills are spread over a few runs.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.cluster.audit import AuditLog
from tests.cluster.killing import TRIES
from tests.cluster.normalised import differences
from tests.cluster.rollovers import BAD, GOOD, Ordeal, Outcome, Step, ordeals, places, roll_over, unreached
from tests.cluster.stage import Stage
from tests.cluster.trial_image import REFUSED_UAI

RUNS = 4
"""With many kills, beside the one without."""


@dataclass(frozen=True)
class Rollovers:
    """What came of them: of the one without a kill, and of the others."""

    undisturbed: Outcome
    killed: list[Outcome]

    @property
    def missed(self) -> dict[Step, tuple[int, int]]:
        """How many steps of a sort there were without a kill, and kills, where these are fewer.

        By their number, since a kill makes for more of the same. A status may have one less: from run to run there is
        one more or less, as what is told meets in one write.
        """
        kills = sum((one.kills for one in self.killed), Counter[Step]())
        return {
            step: (count, kills[step])
            for step, count in self.undisturbed.steps.items()
            if kills[step] < count - step[1].endswith("/status")
        }


@pytest.fixture(scope="module")
def rollovers(
    stage: Stage,
    audit: AuditLog,
    trial_image: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Rollovers:
    """All of a round at the same time: each mostly waits for its pods."""
    began = time.monotonic()

    def lived(through: list[Ordeal]) -> list[Outcome]:
        folder, runs = tmp_path_factory.mktemp("rollovers"), len(through)
        with places(stage, audit, folder, trial_image, REFUSED_UAI, runs) as made, ThreadPoolExecutor(runs) as pool:
            return list(pool.map(roll_over, made, through))

    undisturbed, *killed = lived([Ordeal(), *ordeals(RUNS)])
    rollovers = Rollovers(undisturbed, killed)
    # In a run with many kills a step may never come, or two of them at once: what no run was killed at gets its own.
    for _ in range(TRIES):
        if not rollovers.missed:
            break
        fired = [at for one in killed for at in one.killed]
        wanted = [(step, count - kills) for step, (count, kills) in rollovers.missed.items()]
        killed += lived([single for step, lack in wanted for single in unreached(step, fired, lack)][:RUNS])
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        requests = sum(one.when == "before" for one in undisturbed.asked)
        print(
            f"\nrollover: {len(undisturbed.writes)} writes, {requests} requests to agents, "
            f"{undisturbed.seconds:.0f} s; {sum(len(one.killed) for one in killed)} kills in {len(killed)} runs of "
            f"{', '.join(f'{one.seconds:.0f}' for one in killed)} s; {time.monotonic() - began:.0f} s in all"
        )
    return rollovers


def test_an_undisturbed_rollover_restarts_one_base_once_and_the_other_there_and_back(rollovers: Rollovers) -> None:
    undisturbed = rollovers.undisturbed
    assert undisturbed.lives == 1
    assert undisturbed.grown == {GOOD: 1, BAD: 2}
    assert undisturbed.pods == 3
    year = undisturbed.rolls[GOOD]["to"]["schoolYear"]
    assert undisturbed.years == {GOOD: {year - 1: "Kept", year: "InService"}, BAD: {year - 1: "InService"}}


def test_killed_at_any_step_it_comes_to_the_same_end_and_no_year_is_skipped(rollovers: Rollovers) -> None:
    undisturbed = rollovers.undisturbed
    wrong = [
        f"run {number}: {problem}"
        for number, one in enumerate(rollovers.killed, 1)
        for problem in (
            *differences(undisturbed.states, one.states),
            *differences(undisturbed.years, one.years, ".years"),
        )
    ]
    assert not wrong, "\n".join(wrong)


def test_killed_at_any_step_no_base_is_rolled_twice(rollovers: Rollovers) -> None:
    for one in rollovers.killed:
        assert one.grown == {GOOD: 1, BAD: 2}, "changes of the StatefulSets' specs"
        assert one.pods == 3


def test_it_was_killed_at_every_step(rollovers: Rollovers) -> None:
    assert rollovers.undisturbed.steps, "there are some"
    assert not rollovers.missed, "steps there are, and kills"
    for one in rollovers.killed:
        # One that was to be killed at a step that did not come lives once.
        assert bool(one.killed) < one.lives <= len(one.killed) + 1
