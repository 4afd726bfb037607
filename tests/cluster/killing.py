"""An operator of one namespace behind the fault proxy, killed at a chosen write and started again.

A run applies a change and waits until the operator has nothing to write any more. Run without a kill it tells which
writes there are; run again for each of them, with a kill before the API server sees the write or after it committed it,
it must come to the same end.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.cluster.audit import AuditLog
from tests.cluster.normalised import end_state, secrets
from tests.cluster.schools import School
from tests.cluster.stage import Stage, channel
from tests.support.faultproxy import FaultProxy
from tests.support.faults import When
from tests.support.kube import Object, condition_of
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
class Change:
    """What is applied, and what it comes to.

    Args:
        spec: members of the spec.
        reason: of Ready in the end.
        ended: whether the status tells the end, beside Ready.
    """

    spec: dict[str, Any]
    reason: str = "InService"
    ended: Callable[[Object], bool] = lambda _: True

    def settled(self, base: Object) -> bool:
        """Whether the status is about the present generation, and tells the end."""
        ready = condition_of(base, "Ready")
        generation = base["metadata"]["generation"]
        return (
            base["status"]["observedGeneration"] == generation == ready.get("observedGeneration")
            and (ready["status"], ready["reason"]) == ("True", self.reason)
            and self.ended(base)
        )


@dataclass(frozen=True)
class Point:
    """When to kill: at which write to which object."""

    path: str
    nth: int
    when: When

    def moved(self, one: str, other: str) -> Point:
        """The same point of a run in another namespace."""
        return replace(self, path=self.path.replace(one, other))


@dataclass
class Outcome:
    """What one run came to."""

    namespace: str
    state: dict[str, Any]
    writes: tuple[Record, ...]
    pods: int
    killed: bool
    complaints: list[str] = field(default_factory=list)

    @property
    def points(self) -> list[Point]:
        """Where another run can be killed."""
        return [Point(record.path, record.nth or 0, when) for record in self.writes for when in WHENS]


class Slots:
    """Channels, one for each run at the same time: nothing of one run is news to another's operator."""

    def __init__(self, names: Sequence[str]) -> None:
        self._free = list(names)
        self._lock = threading.Lock()

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


@contextmanager
def slots_for(stage: Stage, count: int) -> Iterator[Slots]:
    """Room for so many runs side by side."""
    session = uuid.uuid4().hex[:8]
    names = [f"killed-{session}-{number}" for number in range(count)]
    try:
        for name in names:
            stage.kube.apply(channel(name))
        with stage.space("slots") as space, stage.operator(space):
            for name in names:
                stage.kube.wait_for_condition("VersionChannel", name, "Ready", None, timeout=60)
        yield Slots(names)
    finally:
        for name in names:
            stage.kube.delete("VersionChannel", name, None)


@dataclass
class Setting:
    """A namespace with a school to be, and an operator that reaches the API server through a proxy of its own."""

    audit: AuditLog
    follows: str
    school: School
    proxy: FaultProxy
    operator: OperatorProcess

    def run(self, change: Change, point: Point | None = None) -> Outcome:
        """Apply a change, with a kill at a write of this namespace, or without."""
        pods = self._pods()
        self.proxy.clear()
        first: list[dict[str, dict[str, str]]] = []
        fault = None
        if point:
            fault = self.proxy.kill_at(
                write=point.nth, when=point.when, path=point.path, kill=_then_look(self.operator, self.school, first)
            )
        self.school.apply(**change.spec)
        while not (fault and fault.fired.is_set()):
            if change.settled(self.school.get()) and self._idle():
                break
            time.sleep(0.2)
        killed = bool(fault and fault.fired.is_set())
        if killed:
            assert first, "the operator was not killed"
            self.operator.start()
            self.operator.wait_healthy()
        elif fault:
            self.proxy.heal()  # a fault that was not played waits for the next run
        wait_until(
            lambda: change.settled(self.school.get()),
            PATIENCE,
            what="the end is told",
            last=self.operator.tail,
            every=0.2,
        )
        self.await_quiet()
        state = end_state(self.school)
        now = secrets(self.school)
        # What is not in the namespace is watched by every operator here, and written by whoever comes first.
        inside = f"/namespaces/{self.school.namespace}/"
        writes = tuple(record for record in self.proxy.writes if inside in record.path)
        complaints = [
            f"the content of Secret {name} changed"
            for seen in first
            for name, data in seen.items()
            if now.get(name) != data
        ]
        if self.school.restarts:
            complaints.append("the server was restarted")
        assert state["status"]["effective"].pop("versionChannel") == self.follows
        return Outcome(self.school.namespace, state, writes, self._pods() - pods, killed, complaints)

    def await_quiet(self) -> None:
        """Wait until the operator has nothing to write."""
        wait_until(self._idle, 60, what="the operator has nothing to write", last=self.operator.tail)

    def _idle(self) -> bool:
        latest = max((record.time for record in self.proxy.writes), default=0.0)
        return time.time() - latest > QUIET_SECONDS

    def _pods(self) -> int:
        """Pods that were started so far."""
        accesses = self.audit.accesses(namespace=self.school.namespace)
        return sum((a.verb, a.resource, a.code) == ("create", "pods", 201) for a in accesses)


@contextmanager
def setting(stage: Stage, slots: Slots, audit: AuditLog) -> Iterator[Setting]:
    """A namespace of one's own, with its operator at work and no base yet."""
    with slots.take() as follows, stage.space("killed") as space, FaultProxy(stage.cluster.kubeconfig) as proxy:
        kubeconfig = proxy.write_kubeconfig(stage.folder / f"{space}.kubeconfig")
        school = School(stage.cluster, stage.kube, space, spec={"uai": UAI, "versionChannel": follows})
        with stage.operator(space, kubeconfig=kubeconfig, leader_election=False) as operator:
            operator.wait_healthy()
            wait_until(lambda: len(proxy.open_watches) >= 3, 30, what="the operator watches", last=operator.tail)
            yield Setting(audit, follows, school, proxy, operator)


@dataclass(frozen=True)
class Judgement:
    """What became of killing at a point."""

    point: Point
    killed: bool
    problems: list[str]


def judge_each(
    points: Sequence[Point], run: Callable[[Point], Outcome], problems_of: Callable[[Outcome], list[str]], workers: int
) -> list[Judgement]:
    """Kill at each point, side by side; a run that does not come to its point is made again, up to `TRIES` times."""

    def judge(point: Point) -> Judgement:
        for _ in range(TRIES):
            outcome = run(point)
            problems = problems_of(outcome)
            if outcome.killed or problems:
                break
        return Judgement(point, outcome.killed, problems)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(judge, points))


def assert_all_good(judged: Sequence[Judgement]) -> None:
    """Each run came to the same end, and to its point."""
    wrong = [f"{one.point}: {problem}" for one in judged for problem in one.problems]
    assert not wrong, "\n".join(wrong)
    missed = [one.point for one in judged if not one.killed]
    assert not missed, f"no run came to these writes: {missed}"


def _then_look(operator: OperatorProcess, school: School, first: list[dict[str, dict[str, str]]]) -> Callable[[], None]:
    """Kill the operator, and note the secrets that are committed."""

    def kill() -> None:
        operator.kill()
        assert not operator.running, "it was killed"
        first.append(secrets(school))

    return kill
