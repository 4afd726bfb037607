"""The operator killed at each write of a create, an update and a stop comes to the same end as one left alone.

A proxy in front of the API server counts the operator's writes in an undisturbed run: so many to this child, so many to
the status. For each of them there are two runs: in one the operator is killed (SIGKILL) before the API server sees the
write, in the other after the API server committed it and before the operator learns. It is started again, and in the
end everything must be as after an undisturbed run: the same children and status, the secrets that were committed
first, and no pod started more often.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.cluster.audit import AuditLog
from tests.cluster.normalised import differences, end_state, secrets
from tests.cluster.schools import School
from tests.cluster.stage import Stage, channel
from tests.support.faultproxy import FaultProxy
from tests.support.faults import When
from tests.support.operator_process import OperatorProcess
from tests.support.requestlog import Record
from tests.support.waiting import wait_until

SIDE_BY_SIDE = 3 * (os.cpu_count() or 2)
"""Runs at the same time: each mostly waits for its pod."""
QUIET_SECONDS = 3.5
"""Without a write for so long an operator of one namespace has done its work: it defers nothing."""
PATIENCE = 180.0
TRIES = 3
"""A run may come to one write fewer (two states of a pod seen at once); then the write is tried again."""
UAI = "0750654D"
WHENS: tuple[When, ...] = ("before", "after")


@dataclass(frozen=True)
class Scenario:
    """What a run does.

    Args:
        before: the spec that is Ready before the writes are counted; None: there is no base yet.
        change: what is then applied.
        reason: of Ready in the end.
        pods: how many pods are started, from the first to the last.
    """

    before: dict[str, Any] | None
    change: dict[str, Any]
    reason: str
    pods: int


SCENARIOS = {
    "create": Scenario(None, {}, "InService", 1),
    "update": Scenario(
        {},
        {
            "licences": {"administrative": 7, "teachers": 70, "reservedForAdministrators": 2},
            "resources": {"requests": {"cpu": "11m", "memory": "65Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
            "displayName": "Lycée Jean Moulin",
        },
        "InService",
        2,
    ),
    "stop": Scenario({}, {"inService": False}, "OutOfService", 1),
}


@dataclass(frozen=True)
class Point:
    """When to kill: at which write to which object."""

    path: str
    nth: int
    when: When

    def at(self, namespace: str) -> Callable[[str], Point]:
        """The same point of a run in another namespace than this one's."""
        return lambda other: replace(self, path=self.path.replace(namespace, other))


@dataclass
class Outcome:
    """What one run came to."""

    namespace: str
    state: dict[str, Any]
    writes: tuple[Record, ...]
    pods: int
    killed: bool
    complaints: list[str] = field(default_factory=list)


class Slots:
    """Channels made beforehand, one for each run at the same time: nothing of one run is news to another's operator."""

    def __init__(self, stage: Stage, count: int) -> None:
        self._free = [f"killed-{number}" for number in range(count)]
        self._lock = threading.Lock()
        for name in self._free:
            stage.kube.apply(channel(name))
        with stage.space("slots") as space, stage.operator(space):
            for name in self._free:
                stage.kube.wait_for_condition("VersionChannel", name, "Ready", None, timeout=60)

    @contextmanager
    def take(self) -> Iterator[str]:
        """The name of a channel that nobody else follows."""
        with self._lock:
            name = self._free.pop()
        try:
            yield name
        finally:
            with self._lock:
                self._free.append(name)


@pytest.fixture(scope="module")
def slots(stage: Stage) -> Iterator[Slots]:
    """Room for as many runs as go side by side."""
    yield Slots(stage, SIDE_BY_SIDE)
    for number in range(SIDE_BY_SIDE):
        stage.kube.delete("VersionChannel", f"killed-{number}", None)


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_write_it_comes_to_the_same_end(
    name: str, stage: Stage, slots: Slots, audit: AuditLog, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = SCENARIOS[name]
    began = time.monotonic()
    undisturbed = _run(stage, slots, audit, scenario)
    assert not undisturbed.complaints, undisturbed.complaints
    assert undisturbed.pods == scenario.pods
    points = [Point(record.path, record.nth or 0, when) for record in undisturbed.writes for when in WHENS]

    def judge(point: Point) -> tuple[Point, bool, list[str]]:
        for _ in range(TRIES):
            outcome = _run(stage, slots, audit, scenario, point.at(undisturbed.namespace))
            if outcome.killed or (problems := _complaints(outcome, undisturbed)):
                return point, outcome.killed, _complaints(outcome, undisturbed)
        return point, False, problems

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        judged = list(pool.map(judge, points))

    kills = sum(killed for _, killed, _ in judged)
    with capsys.disabled():
        print(f"\n{name}: {len(undisturbed.writes)} writes, {kills} kills in {time.monotonic() - began:.0f} s")
    wrong = [f"{point}: {problem}" for point, _, problems in judged for problem in problems]
    assert not wrong, "\n".join(wrong)
    missed = [point for point, killed, _ in judged if not killed]
    assert not missed, f"no run came to these writes: {missed}"


def _run(
    stage: Stage, slots: Slots, audit: AuditLog, scenario: Scenario, point: Callable[[str], Point] | None = None
) -> Outcome:
    """One run in a namespace of its own, with a kill at a write, or without."""
    with slots.take() as follows, stage.space("killed") as space, FaultProxy(stage.cluster.kubeconfig) as proxy:
        kubeconfig = proxy.write_kubeconfig(stage.folder / f"{space}.kubeconfig")
        school = School(stage.cluster, stage.kube, space, spec={"uai": UAI, "versionChannel": follows})
        with stage.operator(space, kubeconfig=kubeconfig, leader_election=False) as operator:
            operator.wait_healthy()
            wait_until(lambda: len(proxy.open_watches) >= 3, 30, what="the operator watches", last=operator.tail)
            if scenario.before is not None:
                school.apply(**scenario.before).wait_ready(timeout=PATIENCE)
                _await_quiet(proxy, operator)
            proxy.clear()
            first: list[dict[str, dict[str, str]]] = []
            fault = None
            if point:
                at = point(space)
                kill = _then_look(operator, school, first)
                fault = proxy.kill_at(write=at.nth, when=at.when, path=at.path, kill=kill)
            school.apply(**scenario.change)
            while not (fault and fault.fired.is_set()):
                if _settled(school, scenario) and _idle(proxy):
                    break
                time.sleep(0.2)
            complaints: list[str] = []
            killed = bool(fault and fault.fired.is_set())
            if killed:
                assert first, "the operator was not killed"
                operator.start()
                operator.wait_healthy()
            school.wait_ready(scenario.reason, timeout=PATIENCE)
            _await_quiet(proxy, operator)
            state = end_state(school)
            now = secrets(school)
            complaints += [
                f"the content of Secret {name} changed"
                for seen in first
                for name, data in seen.items()
                if now.get(name) != data
            ]
            if school.restarts:
                complaints.append("the server was restarted")
            created = [a for a in audit.accesses(namespace=space) if (a.verb, a.resource) == ("create", "pods")]
            pods = sum(a.code == 201 for a in created)
            return Outcome(space, _without_channel(state, follows), proxy.writes, pods, killed, complaints)


def _then_look(operator: OperatorProcess, school: School, first: list[dict[str, dict[str, str]]]) -> Callable[[], None]:
    """Kill the operator, and note the secrets that are committed."""

    def kill() -> None:
        operator.kill()
        assert not operator.running, "it was killed"
        first.append(secrets(school))

    return kill


def _settled(school: School, scenario: Scenario) -> bool:
    found = school.get()
    ready: dict[str, Any] = next((c for c in found["status"].get("conditions", []) if c["type"] == "Ready"), {})
    generation = found["metadata"]["generation"]
    return bool(
        found["status"]["observedGeneration"] == generation == ready.get("observedGeneration")
        and (ready["status"], ready["reason"]) == ("True", scenario.reason)
    )


def _idle(proxy: FaultProxy) -> bool:
    latest = max((record.time for record in proxy.writes), default=0.0)
    return time.time() - latest > QUIET_SECONDS


def _await_quiet(proxy: FaultProxy, operator: OperatorProcess) -> None:
    wait_until(lambda: _idle(proxy), 60, what="the operator has nothing to write", last=operator.tail)


def _complaints(outcome: Outcome, undisturbed: Outcome) -> list[str]:
    found = outcome.complaints + differences(undisturbed.state, outcome.state)
    if outcome.pods != undisturbed.pods:
        found.append(f"{outcome.pods} pods were started, not {undisturbed.pods}")
    return found


def _without_channel(state: dict[str, Any], follows: str) -> dict[str, Any]:
    assert state["status"]["effective"].pop("versionChannel") == follows
    return state
