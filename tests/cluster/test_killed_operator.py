"""The operator killed at each write of a create, an update and a stop comes to the same end as one left alone.

A proxy in front of the API server counts the operator's writes in an undisturbed run: so many to this child, so many to
the status. For each of them there are two runs: in one the operator is killed (SIGKILL) before the API server sees the
write, in the other after the API server committed it and before the operator learns. It is started again, and in the
end everything must be as after an undisturbed run: the same children and status, the secrets that were committed
first, and no pod started more often. A restore is killed so in `test_killed_restore`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.audit import AuditLog
from tests.cluster.killing import (
    PATIENCE,
    SIDE_BY_SIDE,
    Change,
    Outcome,
    Point,
    Slots,
    assert_all_good,
    judge_each,
    setting,
    slots_for,
)
from tests.cluster.normalised import differences
from tests.cluster.stage import Stage


@dataclass(frozen=True)
class Scenario:
    """What a run does.

    Args:
        before: the spec that is Ready before the writes are counted; None: there is no base yet.
        change: what is then applied.
        pods: how many pods are started, from the first to the last.
    """

    before: dict[str, Any] | None
    change: Change
    pods: int


SCENARIOS = {
    "create": Scenario(None, Change({}), 1),
    "update": Scenario(
        {},
        Change(
            {
                "licences": {"administrative": 7, "teachers": 70, "reservedForAdministrators": 2},
                "resources": {"requests": {"cpu": "11m", "memory": "65Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
                "displayName": "Lycée Jean Moulin",
            }
        ),
        1,
    ),
    "stop": Scenario({}, Change({"inService": False}, "OutOfService"), 0),
}


@pytest.fixture(scope="module")
def slots(stage: Stage) -> Iterator[Slots]:
    """Room for as many runs as go side by side."""
    with slots_for(stage, SIDE_BY_SIDE) as slots:
        yield slots


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_write_it_comes_to_the_same_end(
    name: str, stage: Stage, slots: Slots, audit: AuditLog, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = SCENARIOS[name]
    began = time.monotonic()
    undisturbed = _run(stage, slots, audit, scenario)
    assert not undisturbed.complaints, undisturbed.complaints
    assert undisturbed.pods == scenario.pods

    def complaints(outcome: Outcome) -> list[str]:
        found = outcome.complaints + differences(undisturbed.state, outcome.state)
        if outcome.pods != undisturbed.pods:
            found.append(f"{outcome.pods} pods were started, not {undisturbed.pods}")
        return found

    def run(point: Point) -> Outcome:
        return _run(stage, slots, audit, scenario, point, undisturbed.namespace)

    judged = judge_each(undisturbed.points, run, complaints, SIDE_BY_SIDE)
    with capsys.disabled():
        kills = sum(one.killed for one in judged)
        print(f"\n{name}: {len(undisturbed.writes)} writes, {kills} kills in {time.monotonic() - began:.0f} s")
    assert_all_good(judged)


def _run(
    stage: Stage, slots: Slots, audit: AuditLog, scenario: Scenario, point: Point | None = None, of: str = ""
) -> Outcome:
    """One run in a namespace of its own, with a kill at a write (a point in the namespace `of`), or without."""
    with setting(stage, slots, audit) as there:
        if scenario.before is not None:
            there.school.apply(**scenario.before).wait_ready(timeout=PATIENCE)
            there.await_quiet()
        return there.run(scenario.change, point.moved(of, there.school.namespace) if point else None)
