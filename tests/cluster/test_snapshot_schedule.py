"""The schedule on a fleet: the operator killed, away, or held up by one base; bases stopped; fewer kept; drills.

The first slot falls due when the policies get their schedule: slots count from the bases' creation. Three bases share
one place at a time (`maxConcurrent: 1`), and so do two others, of which one has an agent that does not answer.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.cluster.backups import MINUTELY, NEVER, events, names, policy, take, wait_event
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.kube import condition_of, describe
from tests.support.operator_ahead import ahead
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

BACKUP = "sauvegarde"
SOON_SECONDS = 50.0
"""From a slot to its snapshot, for three bases one after the other on a busy machine; within the slot's minute."""
LATER = "0 0 30 12 *"
"""Another schedule that does not come while a test runs."""
A_DAY = 25.0
"""Hours. Every base has its drill within the first day where there is one a day."""
ROUNDING_SECONDS = 0.1
"""The log tells tenths of seconds."""

_ENDED = re.compile(r"(\S+/\S+): (sauvegarde-\S+) ended after ([0-9.]+) s: (.*)")


@dataclass
class Fleet:
    """Bases under two policies, and their operator."""

    stage: Stage
    operator: OperatorProcess
    together: str
    """Policy of `three` and `stopped`."""
    apart: str
    """Policy of `mute` and `sound`; a slot is given up after a minute."""
    three: list[School]
    stopped: School
    mute: School
    sound: School

    def schedule(self, policy_name: str, schedule: str, **spec: object) -> None:
        """Change a policy's schedule of backups."""
        change = {"spec": {"backups": {"schedule": schedule, **spec}}}
        self.stage.kube.patch("BackupPolicy", policy_name, change, None)

    def wait_taken(self, slot: str, *schools: School) -> None:
        """Wait until each of them has the snapshot of a slot."""
        for school in schools:
            wait_until(
                lambda school=school: slot in names(school),  # type: ignore[misc]
                SOON_SECONDS,
                what=f"{school.name} has {slot}",
                last=lambda school=school: describe(school.get()),  # type: ignore[misc]
                every=0.5,
            )

    def jobs(self) -> list[tuple[str, str, float, float, str]]:
        """What the operator's log tells of jobs: base, snapshot, begin, end (seconds since 1970), result; by end."""
        found = []
        for line in self.operator.logs():
            if told := _ENDED.search(str(line.get("message"))):
                end = dt.datetime.fromisoformat(line["timestamp"]).timestamp()
                found.append((told[1], told[2], end - float(told[3]), end, told[4]))
        return found


@pytest.fixture(scope="module")
def fleet(stage: Stage) -> Iterator[Fleet]:
    """See the module. Nothing is due yet."""
    with ExitStack() as stack:
        space = stack.enter_context(stage.space())
        together = stack.enter_context(policy(stage.kube, maxConcurrent=1, verification={"everyDays": 1}))
        apart = stack.enter_context(policy(stage.kube, maxConcurrent=1, startingDeadlineMinutes=1))
        operator = stack.enter_context(stage.operator(space))
        operator.wait_leading()

        def school(name: str, follows: str, **spec: object) -> School:
            return School(stage.cluster, stage.kube, space, name, {"backupPolicy": follows, **spec}).apply()

        three = [school(name, together) for name in ("un", "deux", "trois")]
        stopped = school("ferme", together, inService=False)
        mute, sound = school("muet", apart), school("voisin", apart)
        for each in (*three, mute, sound):
            each.wait_ready()
        stopped.wait_ready("OutOfService")
        yield Fleet(stage, operator, together, apart, three, stopped, mute, sound)


@pytest.fixture(scope="module")
def slots(fleet: Fleet) -> list[float]:
    """Two slots, seconds since 1970: the first, which is due at once when the schedule comes, and the next one."""
    first = time.time() // 60 * 60
    created = max(dt.datetime.fromisoformat(s.get()["metadata"]["creationTimestamp"]).timestamp() for s in fleet.three)
    if created >= first or time.time() - first > 30:
        # Not long after a slot, so that there is time for what is done within its minute.
        first += 60
        _sleep_until(first + 1)
    _answers(fleet.mute, whether=False)
    fleet.schedule(fleet.together, MINUTELY)
    fleet.schedule(fleet.apart, MINUTELY, keep=2)
    return [first, first + 60]


def test_killed_while_a_snapshot_is_under_way_it_takes_each_slot_once(fleet: Fleet, slots: list[float]) -> None:
    operator = fleet.operator
    begun = 'pronote_snapshot_last_attempt_timestamp_seconds{kind="backup"}'
    wait_until(lambda: any(school.metric(begun) for school in fleet.three), 30, what="an agent is at work")
    assert operator.metric("pronote_operator_snapshot_jobs_running"), "and not done yet"
    operator.kill()
    operator.start()
    name = _name(slots[0])
    fleet.wait_taken(name, *fleet.three)
    for school in fleet.three:
        assert names(school) == [name]
        assert school.get()["status"]["snapshots"]["failures"] == 0
        assert _checkpoints(school) == 1, "it was joined, not taken again"


def test_a_base_that_does_not_answer_delays_no_other_and_is_told(fleet: Fleet, slots: list[float]) -> None:
    second = _name(slots[1])
    _sleep_until(slots[1])
    fleet.wait_taken(second, fleet.sound)
    assert time.time() - slots[1] < SOON_SECONDS
    wait_event(fleet.mute, "SnapshotMissed", _told(slots[0]))
    failing = condition_of(fleet.mute.wait("BackedUp", "False", "Failing"), "BackedUp")
    assert "1 backup failed or missed" in failing["message"], failing
    assert names(fleet.mute) == []
    assert condition_of(fleet.mute.get(), "Ready")["status"] == "True", "the school itself works"
    assert not events(fleet.sound, "SnapshotMissed")
    fleet.wait_taken(second, *fleet.three)
    _answers(fleet.mute, whether=True)


def test_away_over_several_slots_it_makes_up_for_the_latest_only(fleet: Fleet, slots: list[float]) -> None:
    before = time.time() // 60 * 60
    fleet.wait_taken(_name(before), *fleet.three)
    checkpoints = [_checkpoints(school) for school in fleet.three]
    fleet.operator.kill()
    kept = [names(school) for school in fleet.three]
    _sleep_until(before + 121)
    fleet.operator.start()
    latest = _name(before + 120)
    fleet.wait_taken(latest, *fleet.three)
    for school, had, made in zip(fleet.three, kept, checkpoints, strict=True):
        assert names(school) == [*had, latest], "the one in between is not made up for"
        assert school.get()["status"]["snapshots"]["failures"] == 0
        assert _checkpoints(school) == made + 1
        assert condition_of(school.get(), "BackedUp")["reason"] == "Recent"
        assert not events(school, "SnapshotMissed")
    fleet.wait_taken(latest, fleet.mute, fleet.sound)
    fleet.mute.wait("BackedUp", reason="Recent")
    fleet.sound.wait("BackedUp", reason="Recent")
    told = fleet.sound.get()["status"]["snapshots"]
    assert told["failures"] == 0
    assert told["lastBackupTime"] <= told["nextTime"]
    assert len(told["names"]) == 2, "two are to be kept"
    assert _name(slots[0]) not in told["names"], "the oldest goes"


def test_a_stopped_base_is_passed_over_and_that_is_no_failure(fleet: Fleet, slots: list[float]) -> None:
    _sleep_until(slots[1])
    wait_event(fleet.stopped, "SnapshotSkipped", "the server is stopped")
    told = fleet.stopped.get()
    assert told["status"]["snapshots"]["failures"] == 0, describe(told)
    assert not told["status"]["snapshots"].get("names"), describe(told)
    assert condition_of(told, "BackedUp")["reason"] == "ServerStopped"
    assert not events(fleet.stopped, "SnapshotMissed")


def test_no_two_bases_of_a_policy_are_at_it_when_one_may(fleet: Fleet, slots: list[float]) -> None:
    ours = {f"{school.namespace}/{school.name}" for school in fleet.three}
    jobs = [job for job in fleet.jobs() if job[0] in ours]
    assert {_name(slot) for slot in slots} <= {job[1] for job in jobs}
    assert all(result == "good" for *_, result in jobs), jobs
    # By their ends, which the log tells to the millisecond.
    for before, after in itertools.pairwise(sorted(jobs, key=lambda job: job[3])):
        assert after[2] >= before[3] - ROUNDING_SECONDS, f"{before} and {after} went on at once"


def test_fewer_are_kept_from_the_next_good_one_on(fleet: Fleet) -> None:
    school = fleet.three[0]
    _change_and_wait(fleet, school, NEVER)
    before = names(school)
    assert len(before) >= 3
    _change_and_wait(fleet, school, LATER, keep=2)
    assert names(school) == before, "nothing is deleted without a good one to replace it"
    newest = take(school, BACKUP)
    assert names(school) == [before[-1], newest]


def test_a_drill_restores_the_newest_archive_aside_and_tells(fleet: Fleet) -> None:
    school = fleet.three[1]
    archive = take(school, "archive")
    fleet.operator.terminate()
    assert "lastVerifiedTime" not in school.get()["status"]["snapshots"]
    # What the status says cannot bring a drill forward: a base has its moment from its UID, on a grid of days.
    with fleet.stage.operator(school.namespace, command=ahead(A_DAY)):
        message = wait_event(school, "DrillPassed", archive)
        assert message.endswith("0 pupils"), message
        told = school.kube.wait_for(
            "PronoteBase",
            school.name,
            lambda found: "lastVerifiedTime" in found["status"]["snapshots"],
            school.namespace,
            timeout=20,
        )
    drill = told["status"]["snapshots"]
    assert drill["lastVerifiedTime"] == drill["lastDrillTime"]
    assert school.metric('pronote_snapshot_verifications_total{result="good"}') == 1
    assert abs(school.metric("pronote_snapshot_verified_timestamp_seconds") - time.time()) < 120


def _change_and_wait(fleet: Fleet, school: School, schedule: str, **spec: object) -> None:
    """Change the schedule, and wait until the base has heard of it and has nothing under way."""
    due = school.get()["status"]["snapshots"].get("nextTime")
    fleet.schedule(fleet.together, schedule, **spec)
    wait_until(
        lambda: school.get()["status"]["snapshots"].get("nextTime") != due, 20, what="the base heard of it", every=0.5
    )
    idle = "pronote_operator_snapshot_jobs_running"
    wait_until(lambda: fleet.operator.metric(idle) == 0, SOON_SECONDS, what="nothing is under way", every=0.5)


def _name(slot: float) -> str:
    return f"{BACKUP}-{dt.datetime.fromtimestamp(slot, dt.UTC):%Y%m%dT%H%M}Z"


def _told(slot: float) -> str:
    return f"{dt.datetime.fromtimestamp(slot, dt.UTC):%Y-%m-%d %H:%M UTC}"


def _checkpoints(school: School) -> float:
    """How many its server has made, for whatever reason."""
    return school.metric('pronote_checkpoints_total{result="success"}')


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _answers(school: School, *, whether: bool) -> None:
    """Let a base's agent answer its operator, or not; its probes, and the school, go on."""
    rule = ("INPUT", "-p", "tcp", "--dport", "8443", "-j", "DROP")
    # In the pod's own network namespace: nothing of this machine changes.
    enter = ("nsenter", "-t", str(school.process("agent")), "-n")
    subprocess.run([*enter, "iptables", "-D" if whether else "-I", *rule], check=True, capture_output=True)
