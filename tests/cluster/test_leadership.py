"""Two replicas: one acts, the other waits, and takes over when the first is gone, hangs or goes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import wait_until

TAKEOVER_SECONDS = 20.0
HANDOVER_SECONDS = 8.0


@pytest.fixture
def replicas(stage: Stage, space: str) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """The leader and the one that waits, with the chart's own length of the Lease."""
    with (
        stage.operator(space, name="operator-0", lease_duration_seconds=10) as first,
        stage.operator(space, name="operator-1", lease_duration_seconds=10) as second,
    ):
        wait_until(lambda: first.leading or second.leading, 30, what="one leads", last=first.tail)
        leader, waiting = (first, second) if first.leading else (second, first)
        waiting.wait_healthy()
        assert not waiting.leading
        yield leader, waiting


def _seconds_until_acted(school: School) -> float:
    """Apply the base (out of service: no pod is needed to see that somebody acts), and wait until it is Ready."""
    began = time.monotonic()
    school.apply(inService=False).wait_ready("OutOfService", timeout=TAKEOVER_SECONDS * 2)
    return time.monotonic() - began


def test_when_the_leader_is_killed_the_other_acts_within_twenty_seconds(
    replicas: tuple[OperatorProcess, OperatorProcess], school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    leader, waiting = replicas
    leader.kill()
    took = _seconds_until_acted(school)
    with capsys.disabled():
        print(f"\nleader killed: the other had made a new base ready after {took:.1f} s")
    assert waiting.leading
    assert took < TAKEOVER_SECONDS


def test_a_leader_that_stops_in_good_order_gives_the_lease_back_at_once(
    replicas: tuple[OperatorProcess, OperatorProcess], school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    leader, waiting = replicas
    leader.terminate()
    took = _seconds_until_acted(school)
    with capsys.disabled():
        print(f"\nleader stopped: the other had made a new base ready after {took:.1f} s")
    assert waiting.leading
    assert took < HANDOVER_SECONDS


def test_a_leader_that_hung_leads_no_more_when_it_wakes(
    replicas: tuple[OperatorProcess, OperatorProcess], school: School
) -> None:
    leader, waiting = replicas
    leader.pause()
    _seconds_until_acted(school)
    assert waiting.leading
    leader.resume()
    wait_until(lambda: not leader.leading, 10, what="the one that hung knows that it leads no more", last=leader.tail)
    assert waiting.leading
    assert leader.get("/healthz")[0] == 200, "it waits, which is no illness"
