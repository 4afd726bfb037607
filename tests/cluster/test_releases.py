"""A changed release reaches the bases of its channel one at a time; an upgrade of the operator reaches none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import NEXT_VERSION, VERSION, Stage, channel, release
from tests.support.kube import condition_of
from tests.support.operator_process import OperatorProcess

ROLL_SECONDS = 240.0


@pytest.fixture
def track(stage: Stage, space: str) -> Iterator[str]:
    """A channel of the test's own."""
    stage.kube.apply(channel(space))
    yield space
    stage.kube.delete("VersionChannel", space, None)


@pytest.fixture
def three(schools: Callable[..., School], track: str, operator: OperatorProcess) -> list[School]:
    """Three bases in service on it."""
    assert operator.running
    made = [schools(name, versionChannel=track) for name in ("one", "two", "three")]
    for school in made:
        school.apply()
    for school in made:
        school.wait_ready()
    return made


@dataclass
class Watch:
    """Looks at all bases again and again, and notes how many do not serve."""

    schools: list[School]
    worst: set[str] = field(default_factory=set)

    def until(self, done: Callable[[list[dict[str, Any]]], bool], timeout: float, what: str) -> None:
        """Look until something holds."""
        deadline = time.monotonic() + timeout
        while True:
            pods = {school.name: school.pod for school in self.schools}
            down = {name for name, pod in pods.items() if not pod or condition_of(pod, "Ready").get("status") != "True"}
            if len(down) > len(self.worst):
                self.worst = down
            found = [school.get() for school in self.schools]
            if done(found):
                return
            states = [(f["metadata"]["name"], f["status"]["version"], f["status"]["conditions"]) for f in found]
            assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}\n{states}"
            time.sleep(0.1)


def _all_run(version: str) -> Callable[[list[dict[str, Any]]], bool]:
    def done(found: list[dict[str, Any]]) -> bool:
        return all(
            base["status"]["version"] == {"desired": version, "current": version}
            and condition_of(base, "Ready").get("reason") == "InService"
            and condition_of(base, "UpToDate").get("status") == "True"
            for base in found
        )

    return done


def test_a_changed_release_rolls_the_bases_one_at_a_time(stage: Stage, track: str, three: list[School]) -> None:
    pods = [school.pod_uid for school in three]
    stage.kube.apply(channel(track, VERSION, NEXT_VERSION))

    watch = Watch(three)
    watch.until(_all_run(NEXT_VERSION), ROLL_SECONDS, "all run the new release")
    assert len(watch.worst) == 1, f"these were down at the same time: {watch.worst}"
    assert not set(pods) & {school.pod_uid for school in three}
    for school in three:
        assert f'pronote_info{{school_year="2026",version="{NEXT_VERSION}"}} 1.0' in school.metrics()


def test_a_release_that_does_not_start_stops_at_the_first_base(stage: Stage, track: str, three: list[School]) -> None:
    bad = channel(track, VERSION)
    bad["spec"]["releases"].append(release("2026.2.7", 1, "localhost/there-is-no-such-image:1"))
    stage.kube.apply(bad)

    def one_fell(found: list[dict[str, Any]]) -> bool:
        troubled = [base for base in found if "server" in condition_of(base, "Ready").get("message", "")]
        return any(condition_of(base, "Ready").get("reason") == "ServerNotReady" for base in troubled)

    watch = Watch(three)
    watch.until(one_fell, 90, "the first base says what its pod waits for")
    pending = [condition_of(school.get(), "UpToDate")["reason"] for school in three]
    assert sorted(pending) == ["RollPending", "RollPending", "Rolling"]

    stage.kube.apply(channel(track, VERSION))
    watch.until(_all_run(VERSION), ROLL_SECONDS, "the release that was taken back runs everywhere")
    assert len(watch.worst) == 1, f"these were down at the same time: {watch.worst}"


def test_a_paused_channel_rolls_nothing(stage: Stage, track: str, three: list[School]) -> None:
    pods = [school.pod_uid for school in three]
    stage.kube.apply(channel(track, VERSION, NEXT_VERSION, paused=True))
    for school in three:
        school.wait("UpToDate", "False", reason="RollPending", timeout=20)
    assert [school.pod_uid for school in three] == pods


def test_a_stopped_base_takes_the_release_with_its_next_start(
    stage: Stage, track: str, school: School, operator: OperatorProcess
) -> None:
    school.apply(versionChannel=track, inService=False).wait_ready("OutOfService")
    stage.kube.apply(channel(track, VERSION, NEXT_VERSION))
    started = school.apply(inService=True).wait_ready()
    assert started["status"]["version"] == {"desired": NEXT_VERSION, "current": NEXT_VERSION}
    assert operator.running


def test_an_operator_of_another_image_restarts_no_school(stage: Stage, school: School) -> None:
    with stage.operator(school.namespace) as before:
        before.wait_leading()
        school.apply().wait_ready()
        before.terminate()
    pod, statefulset = school.pod_uid, school.child("StatefulSet", school.name)

    other = "localhost/pronote-operator:another"
    with stage.operator(school.namespace, image=other, image_pull_policy="Never") as after:
        after.wait_leading()
        # It has surely looked at everything when a change has come through.
        school.apply(displayName="Sous le nouvel opérateur").wait_settled()
        settings = school.child("ConfigMap", f"{school.name}-settings")["data"]["settings.json"]
        assert "Sous le nouvel opérateur" in settings
        assert school.child("StatefulSet", school.name)["spec"] == statefulset["spec"]
        assert school.pod_uid == pod

        # A base that is started anyway gets the newest template.
        school.apply(inService=False).wait_ready("OutOfService")
        school.apply(inService=True)
        found = school.kube.wait_for(
            "StatefulSet",
            school.name,
            lambda found: found["spec"]["replicas"] == 1,
            school.namespace,
            timeout=20,
            what="it is started",
        )
        images = {container["image"] for container in found["spec"]["template"]["spec"]["initContainers"]}
        assert images == {other}
