"""What happens while a watch is cut off is not lost, and a watch that has gone deaf is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.faultproxy import FaultProxy
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

DEAF_SECONDS = 65
"""The least that the setting allows: the API server sends a bookmark each minute."""


@dataclass
class Watched:
    """An operator behind a proxy of its own, without a Lease: a fault must not end its term."""

    proxy: FaultProxy
    operator: OperatorProcess

    def wait_bases(self, count: int, timeout: float = 15) -> None:
        """Wait until it knows so many bases. Every base is in one of the states ready, not_ready, stalled."""
        self._wait(lambda: self.bases == count, timeout, f"it knows {count} bases")

    @property
    def bases(self) -> float:
        text = self.operator.get("/metrics")[1]
        states = ("ready", "not_ready", "stalled")
        lines = [line.rpartition(" ") for line in text.splitlines()]
        return sum(float(value) for name, _, value in lines if any(name == _sample(state) for state in states))

    def _wait(self, look: Callable[[], bool], timeout: float, what: str) -> None:
        wait_until(look, timeout, what=what, last=lambda: f"{self.bases}\n{self.operator.tail()}")


def _sample(state: str) -> str:
    return f'pronote_operator_bases{{state="{state}"}}'


def _watched(stage: Stage, space: str, stack: ExitStack, *, deaf_after: float = 150) -> Watched:
    proxy = stack.enter_context(FaultProxy(stage.cluster.kubeconfig))
    kubeconfig = proxy.write_kubeconfig(stage.folder / f"{space}-{proxy.url.rpartition(':')[2]}.kubeconfig")
    operator = stage.operator(space, kubeconfig=kubeconfig, leader_election=False, deaf_after_seconds=deaf_after)
    stack.enter_context(operator)
    operator.wait_leading()
    return Watched(proxy, operator)


@pytest.fixture
def watched(stage: Stage, space: str) -> Iterator[Watched]:
    with ExitStack() as stack:
        yield _watched(stage, space, stack)


@pytest.fixture
def pair(schools: Callable[..., School], watched: Watched) -> tuple[School, School]:
    """Two bases, out of service: nothing here needs a pod."""
    both = schools("one", inService=False), schools("two", inService=False)
    for school in both:
        school.apply().wait_ready("OutOfService")
    watched.wait_bases(2)
    return both


def test_a_base_deleted_while_its_watch_was_cut_off_is_forgotten(watched: Watched, pair: tuple[School, School]) -> None:
    gone, there = pair
    watched.proxy.refuse()
    gone.delete()
    watched.proxy.heal()
    watched.wait_bases(1, timeout=30)
    there.apply(displayName="Autre nom").wait_ready("OutOfService")


def test_a_base_deleted_while_its_watch_was_cut_off_for_too_long_is_forgotten(
    watched: Watched, pair: tuple[School, School]
) -> None:
    """The API server answers 410 Gone to whoever asks for changes that it does not keep any more."""
    gone, there = pair
    watched.proxy.refuse()
    gone.delete()
    there.apply(displayName="Autre nom")
    watched.proxy.compact(int(there.get()["metadata"]["resourceVersion"]))
    watched.proxy.heal()
    watched.wait_bases(1, timeout=30)
    there.wait_ready("OutOfService")
    assert watched.proxy.told_gone > 0, "some watch was told 410"
    settings = there.child("ConfigMap", f"{there.name}-settings")["data"]["settings.json"]
    assert "Autre nom" in settings


def test_a_child_deleted_while_its_watch_was_cut_off_is_made_again(
    watched: Watched, pair: tuple[School, School]
) -> None:
    school, _ = pair
    child = ("ConfigMap", f"{school.name}-settings")
    watched.proxy.refuse()
    school.kube.delete(*child, school.namespace)
    watched.proxy.compact(int(school.get()["metadata"]["resourceVersion"]) + 1)
    watched.proxy.heal()
    school.kube.wait_for(*child, lambda _: True, school.namespace, timeout=45, what="the child is back")


def test_watches_that_are_cut_again_and_again_lose_nothing(watched: Watched, pair: tuple[School, School]) -> None:
    one, two = pair
    for number in range(5):
        watched.proxy.cut_watches()
        one.apply(displayName=f"Nom {number}")
        watched.proxy.cut_watches("pronotebases")
        two.kube.delete("ConfigMap", "two-settings", two.namespace)
        one.wait_ready("OutOfService", timeout=20)
        two.kube.wait_for("ConfigMap", "two-settings", lambda _: True, two.namespace, timeout=20)
    settings = one.child("ConfigMap", "one-settings")["data"]["settings.json"]
    assert "Nom 4" in settings


def test_a_watch_that_has_gone_deaf_makes_the_health_check_fail_and_an_idle_one_does_not(
    stage: Stage, space: str
) -> None:
    with ExitStack() as stack, stage.space() as other, stage.space() as third:
        idle = _watched(stage, third, stack, deaf_after=DEAF_SECONDS)
        bases = _watched(stage, space, stack, deaf_after=DEAF_SECONDS)
        children = _watched(stage, other, stack, deaf_after=DEAF_SECONDS)
        bases.proxy.deafen("pronotebases")
        children.proxy.deafen("statefulsets")

        assert "pronotebases" in bases.operator.wait_unhealthy(DEAF_SECONDS + 45)
        assert "statefulsets" in children.operator.wait_unhealthy(30)
        assert bases.operator.metric("pronote_operator_watch_streams_deaf") == 1
        assert idle.operator.get("/healthz") == (200, "ok\n"), "nothing happened there, and its bookmarks came"

        for deaf in (bases, children):
            deaf.proxy.heal()
        # Once it hears again, it is well again, and nothing was missed.
        school = School(stage.cluster, stage.kube, space, "after", {"inService": False})
        school.apply().wait_ready("OutOfService", timeout=60)
        bases.operator.wait_healthy(DEAF_SECONDS + 30)
