"""A restore killed at every step: restored exactly once, or as before, and said so; never in between.

Killed are the operator (SIGKILL at each of its writes, as in `test_killed_operator`), the process of `prepare` (SIGKILL
at each moment of a restore, as seen on the volume) and the pod (deleted by force at each of these moments). The moments
are those of an undisturbed restore: the lines of the journal, what prepare moves between them, and the middle of each
step that lasts. All of it happens to a few bases again and again, which are then replaced, lose their status, and are
left alone by their operator. A reboot of the node is in `test_rebooted_node`.
"""

from __future__ import annotations

import os
import queue
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from tests.cluster.audit import AuditLog
from tests.cluster.backups import restored, wait_restored
from tests.cluster.killing import (
    Change,
    Outcome,
    Point,
    Setting,
    Slots,
    assert_all_good,
    judge_each,
    setting,
    slots_for,
)
from tests.cluster.normalised import differences, end_state, renamed, since
from tests.cluster.preparing import BESIDE_THE_JOURNAL, LOCKED, Process, Watch
from tests.cluster.restorable import TEACHER, Asked, Restorable, content, entered_at_once
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.kube import condition_of, describe
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import wait_until

PLACES = 2 * (os.cpu_count() or 2)
PATIENCE = 180.0
LASTS_SECONDS = 0.05
"""A step that takes longer can be hit, and is killed in its middle, too."""

ASKED = "asked"
"""The server of the old pod is told to end; prepare comes after it."""

Way = Literal["process", "pod"]


@dataclass
class Place:
    """A base that is restored again and again, with an operator of its own."""

    setting: Setting
    base: Restorable

    @property
    def school(self) -> School:
        return self.base.school

    @property
    def operator(self) -> OperatorProcess:
        return self.setting.operator


class Places:
    """Those of the module; each is used by one run at a time."""

    def __init__(self, places: list[Place]) -> None:
        self._free: queue.SimpleQueue[Place] = queue.SimpleQueue()
        for place in places:
            self._free.put(place)

    @contextmanager
    def take(self) -> Iterator[Place]:
        """One that is free."""
        place = self._free.get()
        try:
            yield place
        finally:
            self._free.put(place)


@pytest.fixture(scope="module")
def places(stage: Stage, audit: AuditLog) -> Iterator[Places]:
    """Some bases in service, each with an archive and an operator."""

    @contextmanager
    def place(slots: Slots) -> Iterator[Place]:
        with setting(stage, slots, audit) as there:
            yield Place(there, Restorable.of(there.school))

    with slots_for(stage, PLACES) as slots, entered_at_once([place(slots) for _ in range(PLACES)]) as entered:
        yield Places(entered)


# The operator.


def test_the_operator_is_killed_at_any_write_of_a_restore(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(PLACES) as pool:
        all_undisturbed = list(pool.map(lambda _: _restored_by_operator(places), range(PLACES)))
    for one in all_undisturbed:
        assert not one.complaints, one.complaints
        assert one.pods == 1
    # Two states of the pod that are seen apart cost a status write more, which another run need not come to.
    undisturbed = min(all_undisturbed, key=lambda one: len(one.writes))

    def complaints(outcome: Outcome) -> list[str]:
        found = outcome.complaints + differences(undisturbed.state, outcome.state)
        if outcome.pods != 1:
            found.append(f"{outcome.pods} pods were started, not 1")
        return found

    def run(point: Point) -> Outcome:
        return _restored_by_operator(places, point, undisturbed.namespace)

    judged = judge_each(undisturbed.points, run, complaints, PLACES)
    with capsys.disabled():
        kills = sum(one.killed for one in judged)
        print(f"\nrestore: {len(undisturbed.writes)} writes, {kills} kills in {time.monotonic() - began:.0f} s")
    assert_all_good(judged)


def _restored_by_operator(places: Places, point: Point | None = None, of: str = "") -> Outcome:
    """A restore with the operator killed at a write (a point in the namespace `of`), or without."""
    with places.take() as place:
        before = end_state(place.school)
        asked = place.base.go_on()
        change = Change({"restore": asked.spec}, ended=asked.is_told)
        outcome = place.setting.run(change, point.moved(of, place.school.namespace) if point else None)
        outcome.complaints += place.base.problems(asked)
        if (how := place.base.phase(asked)) != "Restored":
            outcome.complaints.append(f"nothing kept the restore from succeeding, and it {how}")
        outcome.state = _comparable(before, outcome.state, place.base, asked)
        return outcome


def _comparable(before: dict[str, Any], after: dict[str, Any], base: Restorable, asked: Asked) -> dict[str, Any]:
    """The state after a restore, as it is after any other restore of such a base."""
    names = {
        asked.request_id: "REQUEST",
        **{name: kind.upper() for kind, name in base.snapshots.items()},
        r"securite-[0-9]{8}T[0-9]{4,6}Z": "SAFETY",
    }
    state = renamed(since(before, after), names)
    kept = state["status"]["snapshots"]
    # How many safety snapshots there are was looked at already; they pile up here.
    kept["names"] = sorted(set(kept["names"]))
    kept["kinds"] = [{**kind, "kept": None} if kind["kind"] == "Safety" else kind for kind in kept["kinds"]]
    return state


# Prepare and its pod.


@dataclass(frozen=True)
class Kill:
    """When prepare is killed, and how.

    Args:
        moment: of the restore.
        delay: seconds after it.
        lasts: whether what comes after the moment takes so long that it can be hit.
        way: SIGKILL for the process, or its pod deleted by force while it stands still.
        times: as often as it comes there again.
        kind: of snapshot: an archive, or a backup, which leaves the annexes alone.
    """

    moment: str
    delay: float
    lasts: bool
    way: Way
    times: int = 1
    kind: str = "archive"

    def __str__(self) -> str:
        return f"{self.kind}, {self.way} at {self.moment}" + (f" + {self.delay:.2f} s" if self.delay else "")


@dataclass(frozen=True)
class Killed:
    """What became of it.

    Args:
        hits: how often what was to be killed really was.
        where: what the volume showed then.
        result: of the restore, by the journal.
    """

    kill: Kill
    hits: int
    where: str
    result: str
    problems: list[str]


def test_prepare_and_its_pod_are_killed_at_any_step_of_a_restore(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    seen = _moments(places)
    kills = list(_kills(seen))
    with ThreadPoolExecutor(PLACES) as pool:
        judged = list(pool.map(lambda kill: _killed(places, kill), kills))

    with capsys.disabled():
        steps = ", ".join(f"{moment} {seconds * 1000:.0f} ms" for moment, seconds in seen)
        print(f"\nsteps of a restore: {steps}")
        for way in ("process", "pod"):
            those = [one for one in judged if one.kill.way == way]
            hits = sum(one.hits for one in those)
            where = ", ".join(f"{place} {count}" for place, count in Counter(one.where for one in those).items())
            print(f"{way}: {hits} of {sum(one.kill.times for one in those)} kills in time; last seen: {where}")
        print(f"in {time.monotonic() - began:.0f} s")
    wrong = [f"{one.kill}: {problem}" for one in judged for problem in one.problems]
    assert not wrong, "\n".join(wrong)
    missed = [str(one.kill) for one in judged if one.kill.lasts and one.hits < one.kill.times]
    assert not missed, f"these came too late, to steps that last: {missed}"
    for one in judged:
        # What is tried three times and killed each time is given up; all else is carried through.
        assert one.result == ("Failed" if one.hits == 3 else "Restored"), one


def _moments(places: Places) -> list[tuple[str, float]]:
    """The moments of an undisturbed restore, with the seconds until the next one."""
    with places.take() as place, Watch(place.base.volume) as watch:
        asked = place.base.ask()
        watch.wait_locked(asked.request_id, PATIENCE)
        seen = [(LOCKED, time.monotonic())]
        for moment in watch.moments(PATIENCE):
            seen.append((moment, time.monotonic()))
            if moment == "end":
                break
        assert not (problems := place.base.problems(asked)), problems
        told = [moment for moment, _ in seen if moment not in BESIDE_THE_JOURNAL]
        assert told == place.base.volume.events(asked.request_id)
        ends = [moment for _, moment in seen[1:]]
        return [(moment, end - start) for (moment, start), end in zip(seen, [*ends, seen[-1][1]], strict=True)]


def _kills(seen: list[tuple[str, float]]) -> Iterator[Kill]:
    ways: tuple[Way, ...] = ("process", "pod")
    # The longest first: the kubelet waits before it starts a container for the third time.
    yield Kill("begin", 0, lasts=True, way="process", times=3)
    for way in ways:
        yield Kill(ASKED, 0, lasts=True, way=way)
        for moment, seconds in seen:
            lasts = seconds > LASTS_SECONDS
            yield Kill(moment, 0, lasts, way)
            if lasts:
                yield Kill(moment, seconds / 2, lasts, way)
    # What differs with a backup: the annexes are moved over.
    for moment, seconds in seen:
        if moment in ("swap", "moved", "placed"):
            yield Kill(moment, 0, seconds > LASTS_SECONDS, "process", kind="sauvegarde")


def _killed(places: Places, kill: Kill) -> Killed:
    with places.take() as place:
        if kill.moment == ASKED:
            return _killed_before_prepare(place, kill)
        base, hits = place.base, 0
        with Watch(base.volume) as watch:
            asked = base.ask(kill.kind)
            for _ in range(kill.times):
                with Process(watch.wait_locked(asked.request_id, PATIENCE)) as prepare:
                    watch.wait_for(kill.moment, PATIENCE)
                    time.sleep(kill.delay)
                    if kill.way == "process":
                        prepare.signal(signal.SIGKILL)
                    else:
                        hits += _delete_pod(place.school, prepare)
                    prepare.wait_gone(PATIENCE)
                    where = _where(base, asked)
        problems = base.problems(asked)
        if kill.way == "process":
            hits = _restarts_of_prepare(place.school)
        return Killed(kill, hits, where, base.phase(asked), problems)


def _where(base: Restorable, asked: Asked) -> str:
    """How far a restore has come."""
    event = next(reversed(base.volume.events(asked.request_id)), "nothing")
    return event if any((base.volume.root / "years").iterdir()) else f"{event}, no folder in place"


def _killed_before_prepare(place: Place, kill: Kill) -> Killed:
    """The server in service hangs when it is told to end: it is killed, or its pod is and prepare comes first."""
    base, school = place.base, place.school
    asked = base.go_on()
    old = school.pod_uid
    with Process(school.process("server")) as server:
        server.signal(signal.SIGSTOP)
        school.apply(restore=asked.spec)
        wait_until(lambda: school.pod is None or _ends(school), PATIENCE, what="the old pod is to end", every=0.05)
        hits = int(school.pod_uid == old and not server.gone)
        if kill.way == "process":
            server.signal(signal.SIGKILL)
        else:
            _delete_by_force(school)
            wait_until(
                lambda: server.gone or (school.pod_uid not in (None, old) and _restarts_of_prepare(school) > 0),
                PATIENCE,
                what="prepare finds the old server at work",
                every=0.2,
            )
            assert not base.volume.events(asked.request_id) or server.gone, "nothing is done beside another server"
            server.signal(signal.SIGCONT)
        server.wait_gone(PATIENCE)
    where = _where(base, asked)
    problems = base.problems(asked)
    return Killed(kill, hits, where, base.phase(asked), problems)


def _ends(school: School) -> bool:
    pod = school.pod
    return pod is not None and "deletionTimestamp" in pod["metadata"]


def _delete_pod(school: School, prepare: Process) -> bool:
    """Delete the pod by force while prepare stands still; whether prepare had not ended before."""
    prepare.signal(signal.SIGSTOP)
    running = not prepare.gone
    _delete_by_force(school)
    prepare.go_on_when_told_to_end(60)
    return running


def _delete_by_force(school: School) -> None:
    options = ("--force", "--grace-period=0", "--wait=false")
    school.kube.kubectl("delete", "pod", f"{school.name}-0", "-n", school.namespace, *options)


def _restarts_of_prepare(school: School) -> int:
    """How often the kubelet had to start prepare again in the present pod."""
    pod = school.pod
    assert pod is not None
    statuses = pod["status"].get("initContainerStatuses", ())
    return sum(int(status["restartCount"]) for status in statuses if status["name"] == "prepare")


# What is lost meanwhile.


@contextmanager
def _held(place: Place, moment: str) -> Iterator[Asked]:
    """A restore that stands still at a moment, and goes on at the end."""
    with Watch(place.base.volume) as watch:
        asked = place.base.ask()
        with Process(watch.wait_locked(asked.request_id, PATIENCE)) as prepare:
            watch.wait_for(moment, PATIENCE)
            prepare.signal(signal.SIGSTOP)
            assert place.base.volume.events(asked.request_id)[-1] != "end", "it stands still before the end"
            yield asked


class Untouched:
    """A restore that has ended, and must not have been carried out again."""

    def __init__(self, place: Place, asked: Asked) -> None:
        self._place, self._asked = place, asked
        place.school.add_user(f"plus-tard-{asked.request_id}", TEACHER)
        self._told = place.school.get()["status"]["restore"]
        self._journal = place.base.volume.journal.read_bytes()
        self._content = content(place.school, place.base.volume)
        self._pod = place.school.pod_uid

    def check(self, *, same_pod: bool = True) -> None:
        """It is told as it was, and nothing has happened to the data since."""
        school = self._place.school
        assert wait_restored(school, self._asked.request_id) == self._told
        assert restored(school) == ("True", "Succeeded")
        self._place.setting.await_quiet()
        assert self._place.base.volume.journal.read_bytes() == self._journal
        assert content(school, self._place.base.volume) == self._content
        assert (school.pod_uid == self._pod) is same_pod


def _replace(school: School, folder: Path, *options: str) -> None:
    """As a person who keeps the base in a file, without what the API server added to it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "base.yaml"
    file.write_text(yaml.safe_dump(school.manifest))
    school.kube.kubectl("replace", "-f", str(file), *options)


def _lose_status(school: School, folder: Path) -> None:
    """As after a backup of the cluster was put back, which holds no status."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "status.yaml"
    file.write_text(yaml.safe_dump(school.manifest | {"status": {}}))
    school.kube.kubectl("replace", "--subresource=status", "-f", str(file))


def test_a_base_replaced_and_without_its_status_is_restored_once(places: Places, folder: Path) -> None:
    with places.take() as place:
        school = place.school
        with _held(place, "safety") as asked:
            # In the middle of it.
            _replace(school, folder)
            _lose_status(school, folder)
            _await_running(school, asked)
        assert not (problems := place.base.problems(asked)), problems
        assert place.base.phase(asked) == "Restored"

        # After it: with the same manifest, without its status, with the operator away meanwhile.
        after = Untouched(place, asked)
        _replace(school, folder)
        _lose_status(school, folder)
        after.check()
        place.operator.kill()
        _replace(school, folder)
        _lose_status(school, folder)
        place.operator.start()
        after.check()

        # Without the request, and with it again.
        school.apply(restore=None)
        school.wait_settled()
        _lose_status(school, folder)
        school.wait_settled()
        assert restored(school) == ("", ""), "no restore is told any more"
        school.apply(restore=asked.spec)
        after.check()


def test_a_base_deleted_and_made_anew_is_not_restored_again(places: Places, folder: Path) -> None:
    with places.take() as place:
        asked = place.base.ask()
        assert not (problems := place.base.problems(asked)), problems
        after = Untouched(place, asked)
        uid = place.school.get()["metadata"]["uid"]
        _replace(place.school, folder, "--force")
        assert place.school.get()["metadata"]["uid"] != uid
        place.school.wait_ready(timeout=PATIENCE)
        after.check(same_pod=False)


def test_a_restore_that_nobody_watched_is_told_afterwards(places: Places) -> None:
    with places.take() as place:
        with _held(place, "begin") as asked:
            _await_running(place.school, asked)
            place.operator.kill()
        wait_until(
            lambda: _ready(place.school) and "end" in place.base.volume.events(asked.request_id),
            PATIENCE,
            what="the pod is ready, restored",
        )
        assert place.school.get()["status"]["restore"]["phase"] == "Running", "nobody was there to tell"
        place.operator.start()
        assert not (problems := place.base.problems(asked)), problems
        assert place.base.phase(asked) == "Restored"


def _await_running(school: School, asked: Asked) -> None:
    def running() -> bool:
        told = school.get()["status"].get("restore", {})
        return (told.get("requestId"), told.get("phase")) == (asked.request_id, "Running")

    wait_until(running, 30, what="it is said to run", last=lambda: describe(school.get()))


def _ready(school: School) -> bool:
    pod = school.pod
    return pod is not None and condition_of(pod, "Ready").get("status") == "True"
