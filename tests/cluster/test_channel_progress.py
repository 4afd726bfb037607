"""A release on its way through a fleet: one base at a time, data kept, told by each base and by the channel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import NEXT_VERSION, VERSION, Stage, channel, release
from tests.support.kube import Object, condition_of, describe
from tests.support.waiting import wait_until

ROLL_SECONDS = 240.0
UNTOUCHED_SECONDS = 20.0
"""How long a release that does not start is watched: a second base would have been told of it within one."""
PASSWORD = "Rentree-2026-cahier"
ROLLOUT = {"maxConcurrent": 1, "maxFailures": 0, "progressDeadlineMinutes": 1}
ABSENT_IMAGE = "localhost/there-is-no-such-image:1"


@dataclass
class Fleet:
    """Three bases that follow a channel of their own.

    Args:
        down: the largest set of bases that were not Ready at the same time.
        told: (name, status, reason) of every UpToDate condition that was seen.
        counted: (phase, updated) that the channel told, in order.
        claims: what the channel told of a release as done while some base did not run it.
    """

    stage: Stage
    channel: str
    schools: list[School]
    down: set[str] = field(default_factory=set)
    told: set[tuple[str, str, str]] = field(default_factory=set)
    counted: list[tuple[str, int]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)

    def give(self, *versions: str, bad: str | None = None, **spec: Any) -> None:
        """Give the channel its releases, the last of them perhaps with an image that is not there."""
        given = channel(self.channel, *versions, rollout=ROLLOUT, **spec)
        if bad is not None:
            given["spec"]["releases"].append(release(bad, len(versions), ABSENT_IMAGE))
        self.stage.kube.apply(given)

    @property
    def status(self) -> dict[str, Any]:
        found = self.stage.kube.get("VersionChannel", self.channel, None)
        assert found is not None
        status: dict[str, Any] = found.get("status", {})
        return status

    def look(self) -> list[Object]:
        """Look at all of them once, and note what is seen."""
        # The channel first: a base that gets there between the two looks must not make its word look premature.
        status = self.status
        found = self.stage.kube.list("pronotebase", self.schools[0].namespace)
        down = {base["metadata"]["name"] for base in found if condition_of(base, "Ready").get("status") != "True"}
        self.down = max(self.down, down, key=len)
        for base in found:
            held = condition_of(base, "UpToDate")
            if held:
                self.told.add((base["metadata"]["name"], held["status"], held["reason"]))
        lagging = [base for base in found if base["status"]["version"].get("current") != status.get("target")]
        if status.get("phase") == "Current" and lagging:
            self.claims.append(status)
        if "phase" in status and self.counted[-1:] != [(status["phase"], status["updated"])]:
            self.counted.append((status["phase"], status["updated"]))
        return found

    def look_until(self, done: Callable[[list[Object]], bool], timeout: float, what: str) -> None:
        """Look until something holds."""
        last: list[list[Object]] = [[]]

        def look() -> bool:
            last[0] = self.look()
            return done(last[0])

        wait_until(look, timeout, what=what, last=lambda: "\n".join(describe(base) for base in last[0]))
        self.look()  # what was waited for may have come after the last look

    def look_for(self, seconds: float) -> None:
        """Look for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(0.1)

    def all_run(self, version: str) -> Callable[[list[Object]], bool]:
        """Whether all run a release, and the channel says so."""

        def done(found: list[Object]) -> bool:
            status = self.status
            return (status.get("phase"), status.get("updated"), status.get("target")) == (
                "Current",
                len(self.schools),
                version,
            ) and all(
                base["status"]["version"] == {"desired": version, "current": version}
                and condition_of(base, "Ready").get("reason") == "InService"
                and condition_of(base, "UpToDate").get("status") == "True"
                for base in found
            )

        return done


@pytest.fixture
def fleet(stage: Stage, space: str) -> Iterator[Fleet]:
    """In service, each with a teacher; their operator serves the whole cluster, as only such a one counts bases."""
    names = ("one", "two", "three")
    schools = [School(stage.cluster, stage.kube, space, name, {"versionChannel": space}) for name in names]
    stage.kube.apply(channel(space, rollout=ROLLOUT))
    try:
        with stage.operator(space, watch_namespaces="") as operator:
            operator.wait_leading()
            for school in schools:
                school.apply()
            for school in schools:
                school.wait_ready(timeout=150)
                school.add_user("claire", PASSWORD)
            fleet = Fleet(stage, space, schools)
            fleet.look_until(fleet.all_run(VERSION), 30, "the channel has counted them")
            yield fleet
    finally:
        stage.kube.delete("VersionChannel", space, None)


def test_a_release_goes_through_the_fleet_one_base_at_a_time_and_is_counted(fleet: Fleet) -> None:
    pods = {school.pod_uid for school in fleet.schools}
    assert fleet.status["total"] == 3
    fleet.counted.clear()
    fleet.give(VERSION, NEXT_VERSION)
    fleet.look_until(fleet.all_run(NEXT_VERSION), ROLL_SECONDS, "all run the new release and are counted")

    assert len(fleet.down) == 1, f"not Ready at the same time: {fleet.down}"
    waited = {name for name, status, reason in fleet.told if (status, reason) == ("False", "RollPending")}
    assert len(waited) >= 2, f"who waits says so: {fleet.told}"
    rolled = {name for name, status, reason in fleet.told if (status, reason) == ("False", "Rolling")}
    assert rolled == {school.name for school in fleet.schools}
    figures = [updated for phase, updated in fleet.counted if phase == "Progressing"]
    assert figures == sorted(figures), f"the count only grows: {fleet.counted}"
    assert fleet.counted[-1] == ("Current", 3)
    assert not fleet.claims, "a pipeline that waits for phase Current goes on too early"
    assert not fleet.status.get("updating")
    assert not pods & {school.pod_uid for school in fleet.schools}
    for school in fleet.schools:
        assert "claire" in school.users(), f"data of {school.name}"
        assert school.metric(f'pronote_info{{school_year="2026",version="{NEXT_VERSION}"}}') == 1


def test_a_release_that_cannot_start_is_taken_back_and_halts_until_a_mended_one_goes_on(fleet: Fleet) -> None:
    pods = {school.name: school.pod_uid for school in fleet.schools}
    sets = {school.name: school.child("StatefulSet", school.name)["spec"] for school in fleet.schools}
    fleet.give(VERSION, bad="2026.2.7")

    def said(found: list[Object]) -> bool:
        return any(condition_of(base, "Ready").get("reason") == "ServerNotReady" for base in found)

    fleet.look_until(said, 120, "the first base says why it does not start")
    (first,) = fleet.down
    (broken,) = [school for school in fleet.schools if school.name == first]
    assert "ImagePull" in condition_of(broken.get(), "Ready")["message"]
    assert fleet.status["updating"] == [f"{broken.namespace}/{first}"]

    def back(found: list[Object]) -> bool:
        return fleet.status["phase"] == "Halted" and all(
            condition_of(base, "Ready").get("reason") == "InService" for base in found
        )

    fleet.look_until(back, 150, "it comes back by itself, and the rollout halts")
    fleet.look_for(UNTOUCHED_SECONDS)
    assert fleet.down == {first}, f"not Ready at the same time: {fleet.down}"
    others = [school for school in fleet.schools if school.name != first]
    assert [school.pod_uid for school in others] == [pods[school.name] for school in others]
    assert [school.child("StatefulSet", school.name)["spec"] for school in others] == [
        sets[school.name] for school in others
    ]
    assert fleet.status["failed"] == [f"{broken.namespace}/{first}"]
    assert fleet.status["updated"] == 0
    assert condition_of(broken.get(), "UpToDate")["reason"] == "RolledBack"

    fleet.give(VERSION, NEXT_VERSION)
    fleet.look_until(fleet.all_run(NEXT_VERSION), ROLL_SECONDS, "the mended release runs everywhere")
    assert len(fleet.down) == 1, f"not Ready at the same time: {fleet.down}"
    for school in fleet.schools:
        assert "claire" in school.users(), f"data of {school.name}"


def test_a_bad_release_that_is_taken_off_the_list_is_gone_back_from_before_its_deadline(fleet: Fleet) -> None:
    fleet.give(VERSION, bad="2026.2.7")
    fleet.look_until(lambda _: bool(fleet.status.get("updating")), 60, "the first base goes over")
    (first,) = fleet.status["updating"]
    fleet.look_until(lambda _: first.split("/")[1] in fleet.down, 60, "it is restarted")
    fleet.give(VERSION)
    fleet.look_until(fleet.all_run(VERSION), 55, "the earlier release runs everywhere")
    assert len(fleet.down) == 1, f"not Ready at the same time: {fleet.down}"


def test_a_paused_channel_gives_nobody_a_turn_and_goes_on_when_it_is_let(fleet: Fleet) -> None:
    pods = {school.pod_uid for school in fleet.schools}
    fleet.give(VERSION, NEXT_VERSION, paused=True)

    def all_wait(found: list[Object]) -> bool:
        return fleet.status["phase"] == "Paused" and all(
            condition_of(base, "UpToDate").get("reason") == "RollPending" for base in found
        )

    fleet.look_until(all_wait, 30, "all wait, and the channel says that it is paused")
    fleet.look_for(5)
    assert {school.pod_uid for school in fleet.schools} == pods
    assert not fleet.down
    assert fleet.status["updated"] == 0

    fleet.give(VERSION, NEXT_VERSION)
    fleet.look_until(fleet.all_run(NEXT_VERSION), ROLL_SECONDS, "all run the new release")
    assert len(fleet.down) == 1, f"not Ready at the same time: {fleet.down}"
