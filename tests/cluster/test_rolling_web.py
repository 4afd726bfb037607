"""Two hundred people stay logged in while replicas are killed, rolled and scaled, and while the delegation changes.

Nobody is logged out by any of it, and hardly a request fails: fewer than one in a thousand, as `tests.support.crowd`
counts failed requests. A changing delegation stops the publication for a moment, in the vendor's order: what is asked
for in that moment is told so, and what counts is that everybody goes on afterwards.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from pronote_operator.builders.names import web_selector
from tests.cluster.espaces import Town, town
from tests.cluster.gateways import Front
from tests.cluster.schools import process_of
from tests.cluster.stage import Stage
from tests.espaces.site import Visitor
from tests.support.crowd import Crowd, Tally
from tests.support.kube import Object, condition_of
from tests.support.waiting import wait_until

PEOPLE = 200
REPLICAS = 2
FAILED_SHARE = 0.001
SCALED_SECONDS = 90.0
"""From a change of the number of replicas until so many are there and the others have gone, on a busy machine."""


Tell = Callable[[str], None]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Writes a line, whether the test passes or not."""

    def write(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")

    return write


@pytest.fixture(scope="module")
def here(stage: Stage, front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The school, without a delegation, and with one replica for the first test."""
    with town(stage, front, tmp_path_factory.mktemp("town"), replicas=1, each=24) as made:
        yield made


@pytest.fixture(scope="module")
def crowd(here: Town) -> Iterator[Crowd]:
    """Pupils and parents who are logged in, some of them several times, and ask now and then."""
    people = itertools.cycle(one for one in here.people if one.espace in ("Parents", "Eleves"))
    with Crowd(authorities=here.bundle) as crowd:
        crowd.arrive([_door(here, one) for one in itertools.islice(people, PEOPLE)])
        crowd.stay()
        yield crowd


def test_nobody_notices_that_replicas_come_and_go(here: Town, crowd: Crowd, tell: Tell) -> None:
    scale(here, 1)

    def come_and_go() -> None:
        scale(here, 4)
        scale(here, 1)

    nobody_was_lost(tell, "there were 1, then 4, then 1 replicas", crowd, crowd.during(come_and_go))


def test_nobody_notices_that_a_replica_was_killed(here: Town, crowd: Crowd, tell: Tell) -> None:
    scale(here, REPLICAS)
    victim = pods(here)[0]

    def kill() -> None:
        os.kill(process_of(victim, "web"), signal.SIGKILL)
        name = victim["metadata"]["name"]
        here.published.school.kube.wait_for(
            "Pod", name, _is_back, here.published.school.namespace, timeout=SCALED_SECONDS, what="started again"
        )

    nobody_was_lost(tell, "a replica was killed", crowd, crowd.during(kill))


def test_nobody_notices_that_a_replica_s_pod_was_taken_away(here: Town, crowd: Crowd, tell: Tell) -> None:
    scale(here, REPLICAS)

    def take() -> None:
        here.published.school.kube.kubectl(
            *("delete", "pod", pods(here)[0]["metadata"]["name"], "--namespace", here.published.school.namespace),
            *("--grace-period=0", "--force"),
        )
        wait_for_pods(here, REPLICAS)

    nobody_was_lost(tell, "a replica's pod was taken away", crowd, crowd.during(take))


def test_nobody_notices_that_the_replicas_are_rolled(here: Town, crowd: Crowd, tell: Tell) -> None:
    scale(here, REPLICAS)
    before = {pod["metadata"]["uid"] for pod in pods(here)}

    def roll() -> None:
        space = here.published.school.namespace
        here.published.school.kube.kubectl(
            "rollout", "restart", f"deployment/{here.published.name}-web", "--namespace", space
        )
        wait_until(
            lambda: not before & {pod["metadata"]["uid"] for pod in pods(here)},
            SCALED_SECONDS,
            what="all replicas are new ones",
            last=lambda: str([pod["metadata"]["name"] for pod in pods(here)]),
        )

    nobody_was_lost(tell, "the replicas were rolled", crowd, crowd.during(roll))


def test_nobody_is_logged_out_by_a_changed_delegation(here: Town, crowd: Crowd, tell: Tell) -> None:
    def change() -> None:
        here.delegate()
        here.delegate(allowDirectAuthentication=False)

    told = crowd.during(change)
    tell(f"while the delegation changed: {told}")
    assert set(told.reasons) <= {"HTTP 503"}, "somebody was told something else than that the site is away"
    nobody_was_lost(tell, "the delegation had changed", crowd, crowd.during(lambda: time.sleep(5)))


def nobody_was_lost(tell: Tell, what: str, crowd: Crowd, tally: Tally) -> None:
    """Tell what became of sessions and requests, and check it."""
    tell(f"{what}: {tally}")
    assert tally.lost == 0
    assert crowd.here == PEOPLE
    assert tally.failed_share < FAILED_SHARE


def scale(here: Town, replicas: int) -> None:
    """Have so many replicas, and no others that still end."""
    here.published.apply(replicas=replicas)
    wait_for_pods(here, replicas)
    here.published.wait()


def wait_for_pods(here: Town, count: int) -> None:
    """Wait until so many replicas are ready, and there are no others."""
    wait_until(
        lambda: len(found := pods(here)) == count and all(map(_is_ready, found)),
        SCALED_SECONDS,
        what=f"{count} replicas",
        last=lambda: str([(pod["metadata"]["name"], pod["status"]["phase"]) for pod in pods(here)]),
        every=0.5,
    )


def pods(here: Town) -> list[Object]:
    """The replicas, with those that end."""
    selector = ",".join(f"{name}={value}" for name, value in web_selector(here.published.name).items())
    return here.published.school.kube.list("Pod", here.published.school.namespace, selector=selector)


def _door(here: Town, visitor: Visitor) -> tuple[str, str, str]:
    return here.site.page(visitor), visitor.username, visitor.password


def _is_ready(pod: Object) -> bool:
    return bool(condition_of(pod, "Ready").get("status") == "True") and "deletionTimestamp" not in pod["metadata"]


def _is_back(pod: Object) -> bool:
    return _is_ready(pod) and bool(pod["status"]["containerStatuses"][0]["restartCount"])
