"""A base on its way to a release and a school year, pass by pass, also when the operator is killed at any request."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pronote_operator.api.snapshots import parsed_name
from pronote_operator.builders.names import ANNOTATION_ROLL, Names
from pronote_operator.cluster.agent import AgentError
from pronote_operator.cluster.kinds import BY_KIND
from pronote_operator.errors import ApiError
from tests.unit.core.test_pass import KEY, Bench, MemoryApi

Object = dict[str, Any]
OLD, NEW = "2026.2.5", "2026.2.6"
CALENDAR = {"yearEndArchive": "07-01", "newBase": "08-15", "switchover": "08-26"}
MINUTE = dt.timedelta(minutes=1)
MOST_PASSES = 60


def release(version: str, comes: str | None = None) -> Object:
    return {"version": version, "image": f"localhost/pronote-server:{version}", **({"from": comes} if comes else {})}


def version_of(statefulset: Object) -> str:
    labels: dict[str, str] = statefulset["spec"]["template"]["metadata"]["labels"]
    return labels["pronote.hosting/version"]


def plan_of(statefulset: Object) -> Object:
    containers = statefulset["spec"]["template"]["spec"]["initContainers"]
    environment = {one["name"]: one["value"] for one in containers[0]["env"]}
    plan: Object = json.loads(environment["PRONOTE_DATA_PLAN"])
    return plan


def rollback_of(roll: Object) -> str:
    """The request by which a roll goes back: one for each, also where the same was tried before."""
    return f"rollback-{roll['id']}-{int(dt.datetime.fromisoformat(roll['startedTime']).timestamp())}"


def refusing_pod(message: str) -> Object:
    """The pod of the template in force, whose plan `prepare` has refused."""
    ended = {"exitCode": 65, "message": json.dumps({"reason": "ArchiveFailed", "message": message})}
    status = {"initContainerStatuses": [{"name": "prepare", "state": {"terminated": ended}}]}
    return {"kind": "Pod", "metadata": {"labels": {"controller-revision-hash": "r1"}}, "status": status}


class Killed(BaseException):
    """The operator ends here."""


class School:
    """One base, what stands on its volume, and operators that may be killed.

    Args:
        broken: versions whose server never gets ready, and spoils the data.
        cannot_archive: why `prepare` cannot take an archive.
        data: what is in the base in service; `contents` is what is in each archive.
        kill_at: at which request to the API server or the agent the operator is killed, once.
    """

    def __init__(self, created: str = "2026-06-01T08:00:00Z", **spec: Any) -> None:
        self.broken: set[str] = set()
        self.archives: list[str] = []
        self.cannot_archive = ""
        self.data = "entered"
        self.contents: dict[str, str] = {}
        self.restored: set[str] = set()
        self.cannot_restore = ""
        """Why `prepare` cannot carry out a restore."""
        self.restores: list[Object] = []
        self.years = [2025]
        self.prepared: list[str] = []
        self.requests = self.asked = 0
        self.kill_at: int | None = None
        self.after = False
        self.channel: Object = {"releases": [release(OLD)], "calendars": {"metropole": CALENDAR}}
        self.generation = 1
        self.created, self.spec = created, {"schoolYear": {"pin": 2025}, **spec}
        self.templates: list[Object] = []
        self.rolls: list[tuple[str, str]] = []
        self.worker: asyncio.Task[None] | None = None
        self.bench = Bench(created=created, **self.spec)
        self.api = self.bench.api
        self.slow = 0
        """How many passes it takes until a pod is ready."""
        self.waited = 0
        self.api.gets_ready = lambda found: self._starts(found) and not self.slow
        self.now = dt.datetime(2026, 6, 1, 8, 30, tzinfo=dt.UTC)
        self._start()

    def _start(self) -> None:
        """Another operator, which remembers nothing, over the same objects."""
        bench = Bench(created=self.created, **self.spec)
        body = self.api.base
        bench.api = self.api
        for part in (bench.reporter, bench.reconcile, bench.rolling):
            part._client = self.api  # type: ignore[assignment]
        bench.store.put(
            KEY, {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.api.next_version())}}
        )
        bench.agents.script = self._agent
        for (kind, _), child in self.api.objects.items():
            bench.book.seen(BY_KIND[kind], child)
        bench.rollouts.complete = True
        bench.rolls = self.rolls
        self.bench = bench
        self._channel()
        self.worker = asyncio.get_running_loop().create_task(self._work())
        self._intercept(self.api)

    def _intercept(self, api: MemoryApi) -> None:
        for verb in ("apply", "apply_new", "apply_status"):
            whole = getattr(MemoryApi, verb)

            async def counted(*arguments: Any, whole: Any = whole) -> Any:
                self._count(before=True)
                done = await whole(api, *arguments)
                self._count(before=False)
                return done

            setattr(api, verb, counted)

    def _count(self, *, before: bool) -> None:
        if before:
            self.requests += 1
        if self.kill_at == self.requests and self.after is not before:
            self.kill_at = None
            raise Killed

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.bench.desk.run())
            group.create_task(self.bench.new_years.run())

    def _channel(self) -> None:
        metadata = {
            "name": "stable",
            "uid": "channel",
            "generation": self.generation,
            "annotations": {"pronote.hosting/is-default": "true"},
        }
        self.bench.shared.put_channel({"metadata": metadata, "spec": self.channel})

    def give(self, *releases: Object, **members: Any) -> None:
        """Somebody changes the channel."""
        self.channel = {**self.channel, **members, "releases": list(releases) or self.channel["releases"]}
        self.generation += 1
        self._channel()

    @property
    def statefulset(self) -> Object:
        return self.api.objects["StatefulSet", KEY.name]

    @property
    def plan(self) -> Object:
        return plan_of(self.statefulset)

    @property
    def version(self) -> str:
        return version_of(self.statefulset)

    def _agent(self, question: str, order: Object) -> Object:
        verb, _, rest = question.partition(" ")
        self.asked += 1
        self._count(before=True)
        answer = self._answer(verb, rest)
        self._count(before=False)
        return answer

    def _answer(self, verb: str, rest: str) -> Object:
        if self.version in self.broken:
            raise AgentError("Unreachable", "no pod is ready")
        match verb:
            case "take":
                self._archive(rest)
                return self._kept(rest)
            case "info":
                return {"version": self.version, "schoolYear": self.plan["schoolYear"]}
            case "prepare":
                self.prepared.append(rest)
                year = int(rest.split()[0])
                self.years = sorted({*self.years, year})
                return {"schoolYear": year, "state": "Prepared", "createdTime": None}
            case "years":
                return {"years": [self._year(year) for year in self.years]}
            case "preparation":
                return {"restores": self.restores}
        return {"snapshots": [self._kept(name) for name in self.archives]}

    def _year(self, year: int) -> Object:
        serves = self.plan["schoolYear"]
        state = "InService" if year == serves else "Kept" if year < serves else "Prepared"
        return {"schoolYear": year, "state": state, "createdTime": "2026-06-01T08:00:00Z"}

    def _kept(self, name: str) -> Object:
        return {"name": name, "takenTime": parsed_name(name)[1].isoformat(), "damaged": False}

    def _archive(self, name: str) -> None:
        if name not in self.archives:
            self.archives.append(name)
            self.contents[name] = self.data

    def _starts(self, statefulset: Object) -> bool:
        """What `prepare` and the server do with a template; whether the server gets ready."""
        self.api.objects.pop(("Pod", Names(KEY.name).pod), None)
        if statefulset["spec"]["replicas"] == 0:
            return False
        plan = plan_of(statefulset)
        archive, restore = plan.get("archive"), plan.get("restore")
        if archive is not None and self.cannot_archive and archive["name"] not in self.archives:
            self.api.objects["Pod", Names(KEY.name).pod] = refusing_pod(self.cannot_archive)
            return False
        if archive is not None:
            self._archive(archive["name"])
        if restore is not None and restore["requestId"] not in self.restored:
            self.restored.add(restore["requestId"])
            failed = {"reason": "NoRoom", "message": self.cannot_restore} if self.cannot_restore else {}
            result = "Failed" if failed else "Succeeded"
            self.restores.append({**restore, "result": result, **failed})
            if not failed:
                self.data = self.contents.get(restore["snapshot"], self.data)
        if version_of(statefulset) in self.broken:
            self.data = "spoiled"
            return False
        return True

    def _kubelet(self) -> None:
        """The pod of the template in force, seen by the watch."""
        found = self.api.objects.get(("StatefulSet", KEY.name))
        if found is None:
            return
        if not self.templates or self.templates[-1] != found["spec"]["template"]:
            self.templates.append(found["spec"]["template"])
            self.years = sorted({*self.years, self.plan["schoolYear"]})
            self.waited = 0
        elif not found["status"]["readyReplicas"] and self.version not in self.broken:
            self.waited += 1
            if self.waited > self.slow:
                found["status"]["readyReplicas"] = found["spec"]["replicas"]
                found["metadata"]["resourceVersion"] = str(self.api.next_version())
                self.bench.book.seen(BY_KIND["StatefulSet"], found)

    async def stop(self) -> None:
        """What the operator has begun ends with it."""
        assert self.worker is not None, "started when made"
        self.worker.cancel()
        with contextlib.suppress(BaseException):
            await self.worker

    async def passes(self, count: int = 8) -> School:
        """So many passes at most, until nothing is asked for or waited for any more; a tick of the loop after each.

        Passes come at once, and what waits for a second or two in the world has waited here.
        """
        quiet, known = 0, None
        for _ in range(count):
            asked = (len(self.api.sent), self.asked, self.waited)
            quiet = quiet + 1 if asked == known else 0
            if quiet == 2:
                break
            known = asked
            self.bench.now = self.now
            try:
                self._kubelet()
                await self.bench.reconcile(KEY)
                for _ in range(6):
                    await asyncio.sleep(0)
                if self.worker is not None and self.worker.done():
                    raise Killed
            except Killed:
                await self.stop()
                self._start()
        return self

    async def at(self, moment: str, count: int = 8) -> School:
        self.now = dt.datetime.fromisoformat(moment)
        return await self.passes(count)

    async def after_minutes(self, minutes: float, count: int = 8) -> School:
        self.now += minutes * MINUTE
        return await self.passes(count)

    @property
    def roll(self) -> Object:
        found: Object = self.api.base["status"].get("roll", {})
        return found

    @property
    def up_to_date(self) -> str:
        conditions = self.api.base["status"]["conditions"]
        reason: str = next(one["reason"] for one in conditions if one["type"] == "UpToDate")
        return reason


@pytest.fixture
async def school() -> AsyncIterator[School]:
    made = School()
    yield await made.passes()
    await made.stop()


async def test_a_release_costs_one_archive_and_one_restart_and_the_server_confirms_it(school: School) -> None:
    assert (school.version, school.up_to_date, school.roll) == (OLD, "Current", {})
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    assert (school.version, school.up_to_date) == (NEW, "Current")
    assert len(school.templates) == 2
    (archive,) = school.archives
    assert archive.startswith("archive-2026")
    roll = school.roll
    assert (roll["phase"], roll["snapshot"], roll["to"]["version"]) == ("Done", archive, NEW)
    noted = json.loads(school.statefulset["metadata"]["annotations"][ANNOTATION_ROLL])
    assert noted == roll
    assert school.bench.rolls == [("stable", "done")]
    assert archive in school.api.base["status"]["snapshots"]["names"]
    sent = len(school.api.sent)
    await school.passes()
    assert len(school.api.sent) == sent, "with nothing to do nothing is sent"


async def test_a_release_that_never_gets_ready_is_taken_back_once_and_not_tried_again(school: School) -> None:
    school.broken.add(NEW)
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    assert (school.version, school.up_to_date, school.roll["phase"]) == (NEW, "Rolling", "Restarting")
    await school.after_minutes(21)
    assert (school.version, school.up_to_date, school.roll["phase"]) == (OLD, "RolledBack", "RolledBack")
    (archive,) = school.archives
    assert school.plan["restore"] == {"requestId": rollback_of(school.roll), "snapshot": archive}
    assert school.bench.rolls == [("stable", "rolled_back")]
    await school.after_minutes(60)
    assert len(school.templates) == 3, "there and back"

    school.broken.clear()
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"), paused=False)
    await school.passes()
    assert (school.version, school.roll["phase"]) == (NEW, "Done"), "a changed channel lets it be tried again"
    assert "rollback-" in school.plan["restore"]["requestId"], "it stays in the plan: to take it out would be a restart"


async def test_a_pod_is_asked_what_prepare_refused_once_it_has_had_time_to_come(school: School) -> None:
    def asked() -> int:
        return sum(what == ("get", f"Pod {KEY.name}-0") for what in school.api.sent)

    school.broken.add(NEW)
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    assert (school.version, asked()) == (NEW, 0)
    school.api.objects["StatefulSet", KEY.name]["status"]["updateRevision"] = "1"
    school.now += dt.timedelta(seconds=11)
    await school.passes(1)
    assert asked() == 1


async def test_a_bad_release_that_is_taken_off_the_list_is_gone_back_from_at_once(school: School) -> None:
    school.broken.add(NEW)
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    assert school.version == NEW
    school.give(release(OLD))
    await school.passes()
    assert (school.version, school.up_to_date, school.roll["phase"]) == (OLD, "Current", "RolledBack")


async def test_a_restore_that_was_carried_out_before_a_roll_was_taken_back_is_not_asked_for_again(
    school: School,
) -> None:
    snapshot = "archive-20260601T0830Z"
    done = {"requestId": "r1", "phase": "Succeeded", "snapshot": snapshot, "completedTime": "2026-06-01T08:20:00Z"}
    school.bench.replace(
        {**school.api.base["spec"], "restore": {"requestId": "r1", "snapshot": snapshot}},
        {**school.api.base["status"], "restore": done},
    )
    await school.passes()
    school.broken.add(NEW)
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    await school.after_minutes(21)
    restarts = len(school.templates)
    assert school.roll["phase"] == "RolledBack"
    assert school.plan["restore"]["requestId"].startswith("rollback-")
    await school.after_minutes(5)
    assert len(school.templates) == restarts


async def test_the_year_turns_by_its_three_dates_with_one_restart(school: School) -> None:
    school.bench.replace({**school.api.base["spec"], "schoolYear": {}}, school.api.base["status"])
    await school.at("2026-07-01T06:00:00Z")
    (archive,) = school.archives
    assert archive.startswith("archive-annuelle-20260630T22")
    assert school.api.base["status"]["settledYears"] == {"archived": 2025}
    await school.at("2026-08-15T06:00:00Z")
    assert school.prepared == ["2026 2025"]
    told = school.api.base["status"]
    assert told["settledYears"] == {"archived": 2025, "prepared": 2026}
    assert [(one["schoolYear"], one["state"]) for one in told["bases"]] == [(2025, "InService"), (2026, "Prepared")]
    assert len(school.templates) == 1, "nobody was disturbed so far"

    await school.at("2026-08-26T06:00:00Z")
    assert (school.plan["schoolYear"], school.plan["newYear"]) == (2026, {"from": 2025})
    assert len(school.templates) == 2
    assert len(school.archives) == 2, "what was entered in the summer is kept too"
    told = school.api.base["status"]
    assert told["settledYears"] == {"archived": 2025, "prepared": 2026, "turned": 2026}
    assert [(one["schoolYear"], one["state"]) for one in told["bases"]] == [(2025, "Kept"), (2026, "InService")]
    assert told["schoolYear"] == 2026
    sent = len(school.api.sent)
    await school.passes()
    assert len(school.api.sent) == sent


async def test_a_pin_to_last_year_brings_its_base_back_with_an_archive_that_is_no_year_end(school: School) -> None:
    school.bench.replace({**school.api.base["spec"], "schoolYear": {}}, school.api.base["status"])
    await school.at("2026-08-26T06:00:00Z", 16)
    assert school.plan["schoolYear"] == 2026
    await school.after_minutes(60)
    school.bench.ask(schoolYear={"pin": 2025})
    await school.passes(12)
    assert (school.plan["schoolYear"], school.up_to_date, school.roll["phase"]) == (2025, "Current", "Done")
    assert school.roll["snapshot"].startswith("archive-2026")
    told = [(one["schoolYear"], one["state"]) for one in school.api.base["status"]["bases"]]
    assert told == [(2025, "InService"), (2026, "Prepared")]
    assert len(school.templates) == 3


SUPERADMIN = {"username": "principale", "password": "Canari-jaune-7Zq-volant"}


def own_secret(**values: str) -> Object:
    data = {name: base64.b64encode(value.encode()).decode() for name, value in {**SUPERADMIN, **values}.items()}
    return {"kind": "Secret", "metadata": {"name": "own", "resourceVersion": "7"}, "data": data}


@pytest.mark.parametrize("trouble", [None, {"password": "weak"}], ids=["missing", "weak"])
async def test_a_base_that_something_is_in_the_way_of_begins_no_roll_and_does_when_it_is_mended(
    trouble: dict[str, str] | None,
) -> None:
    school = School(superAdmin={"secretName": "own"})
    school.api.objects["Secret", "own"] = own_secret()
    await school.passes()
    assert school.up_to_date == "Current"
    if trouble is None:
        del school.api.objects["Secret", "own"]
    else:
        school.api.objects["Secret", "own"] = own_secret(**trouble)
    await school.passes()
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    assert (school.version, school.up_to_date, school.roll, school.archives) == (OLD, "RollPending", {}, [])
    sent = len(school.api.sent)
    await school.after_minutes(2, 1)
    assert [one for one in school.api.sent[sent:] if one[0] != "get"] == [], "nothing is written again and again"

    school.api.objects["Secret", "own"] = own_secret()
    await school.after_minutes(2, 16)
    await school.stop()
    assert (school.version, school.up_to_date, school.roll["phase"]) == (NEW, "Current", "Done")
    assert len(school.archives) == 1


async def test_what_gets_in_the_way_in_the_middle_ends_a_roll_that_has_touched_nothing() -> None:
    school = School(superAdmin={"secretName": "own"})
    school.api.objects["Secret", "own"] = own_secret()
    await school.passes()
    del school.api.objects["Secret", "own"]
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes(16)
    await school.after_minutes(2)
    await school.stop()
    assert (school.version, school.up_to_date, school.roll) == (OLD, "RollPending", {})


async def test_a_release_whose_pods_are_refused_is_left_for_another_and_never_given_later(school: School) -> None:
    whole, refuses = school.api.apply, True

    async def apply(manifest: Object) -> Object:
        if refuses and manifest["kind"] == "StatefulSet" and version_of(manifest) == NEW:
            raise ApiError(403, "Forbidden", "the image is not allowed")
        return await whole(manifest)

    school.api.apply = apply  # type: ignore[method-assign]
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes(12)
    assert (school.version, school.roll["phase"], "restartedTime" in school.roll) == (OLD, "Restarting", False)
    sent = len([one for one in school.api.sent if one[0] == "status"])
    await school.after_minutes(2, 1)
    assert len([one for one in school.api.sent if one[0] == "status"]) == sent, "the status is as it was"

    school.data = "entered since"
    newer = "2026.2.7"
    school.give(release(OLD), release(newer, "2026-06-01T08:00:00"))
    refuses = False
    await school.passes(16)
    assert (school.version, school.roll["phase"], school.up_to_date) == (newer, "Done", "Current")
    assert (len(school.templates), school.data) == (2, "entered since")


async def test_a_release_whose_pods_are_refused_for_an_hour_has_failed_with_nothing_changed(school: School) -> None:
    whole = school.api.apply

    async def apply(manifest: Object) -> Object:
        if manifest["kind"] == "StatefulSet" and version_of(manifest) == NEW:
            raise ApiError(403, "Forbidden", "the image is not allowed")
        return await whole(manifest)

    school.api.apply = apply  # type: ignore[method-assign]
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes(12)
    await school.after_minutes(61, 12)
    assert (school.version, school.roll["phase"], school.up_to_date) == (OLD, "RolledBack", "RolledBack")
    assert (len(school.templates), school.data) == (1, "entered")
    assert not [one for one in school.api.base["status"]["conditions"] if one["type"] == "Stalled"]


async def test_an_archive_from_before_a_long_pause_is_not_restarted_on(school: School) -> None:
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    while school.roll.get("phase") != "Archiving":
        await school.passes(1)
    school.bench.ask(suspend=True)
    await school.passes()
    school.data = "entered since"
    school.broken.add(NEW)
    school.now += dt.timedelta(days=7)
    school.bench.ask(suspend=False)
    await school.passes(16)
    assert school.version == NEW
    await school.after_minutes(21, 12)
    assert (school.version, school.roll["phase"], school.data) == (OLD, "RolledBack", "entered since")


async def test_a_restore_that_failed_on_the_way_back_is_told(school: School) -> None:
    school.broken.add(NEW)
    school.cannot_restore = "the volume is full"
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    await school.after_minutes(21, 12)
    assert (school.version, school.roll["phase"], school.data) == (OLD, "RolledBack", "spoiled")
    assert "its data could not be restored (NoRoom: the volume is full)" in school.roll["message"]


def _deleted(school: School) -> None:
    """Somebody deletes the StatefulSet."""
    gone = school.api.objects.pop(("StatefulSet", KEY.name))
    school.bench.book.gone(BY_KIND["StatefulSet"], gone["metadata"]["namespace"], gone["metadata"]["name"])


async def test_a_deleted_statefulset_of_a_base_that_was_taken_back_comes_back_with_what_it_ran(school: School) -> None:
    school.broken.add(NEW)
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    await school.after_minutes(21, 12)
    assert school.up_to_date == "RolledBack"
    school.data = "entered since"
    _deleted(school)
    await school.passes(12)
    await school.after_minutes(60, 12)
    assert (school.version, school.up_to_date, school.data) == (OLD, "RolledBack", "entered since")


async def test_a_deleted_statefulset_of_a_base_whose_release_was_withdrawn_comes_back_with_it(school: School) -> None:
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes(12)
    assert school.version == NEW
    school.give(release(OLD))
    await school.passes()
    assert school.up_to_date == "ReleaseNotListed"
    _deleted(school)
    await school.passes(12)
    assert (school.version, school.up_to_date) == (NEW, "ReleaseNotListed")


async def test_a_deleted_statefulset_does_not_bring_what_has_its_turn_to_wait_for(school: School) -> None:
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"), paused=True)
    await school.passes()
    _deleted(school)
    await school.passes(12)
    assert (school.version, school.up_to_date, school.archives) == (OLD, "RollPending", [])


@pytest.mark.parametrize("phase", ["Restarting", "RollingBack"])
async def test_a_statefulset_that_is_deleted_on_the_way_is_made_anew_and_the_roll_goes_on(
    school: School, phase: str
) -> None:
    school.broken.add(NEW)
    school.slow = 4
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    while school.roll.get("phase") != phase:
        await school.after_minutes(3, 1)
    _deleted(school)
    for _ in range(20):
        await school.after_minutes(3, 1)
    await school.passes(12)
    assert (school.version, school.roll["phase"], school.data) == (OLD, "RolledBack", "entered")


async def test_a_target_that_failed_before_goes_back_to_the_data_of_this_time(school: School) -> None:
    """The same target twice in one generation of the channel, after another one was tried in between."""
    school.bench.replace({**school.api.base["spec"], "schoolYear": {}}, school.api.base["status"])
    school.broken.add(NEW)
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"), rollout={"maxFailures": 3})
    requests = []
    for moment, pin in (
        ("2026-06-01T09:00:00Z", {}),
        ("2026-08-26T06:00:00Z", {}),
        ("2026-08-27T06:00:00Z", {"pin": 2025}),
    ):
        school.data = f"entered until {moment}"
        school.bench.ask(schoolYear=pin)
        await school.at(moment, 16)
        await school.after_minutes(21, 12)
        assert (school.version, school.roll["phase"], school.data) == (OLD, "RolledBack", f"entered until {moment}")
        requests.append(rollback_of(school.roll))
    assert requests[0].rpartition("-")[0] == requests[2].rpartition("-")[0], "the same target"
    assert len(set(requests)) == 3


async def test_a_base_that_was_stopped_takes_what_is_due_when_it_is_started(school: School) -> None:
    school.bench.ask(inService=False)
    await school.passes()
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    assert (school.version, school.up_to_date) == (OLD, "RollPending")
    assert school.archives == []
    school.bench.ask(inService=True)
    await school.passes()
    assert (school.version, school.up_to_date) == (NEW, "Current")
    (archive,) = school.archives
    assert (school.plan["archive"], school.roll["snapshot"]) == ({"name": archive}, archive)
    restarts = len(school.templates)
    school.archives.clear()
    await school.after_minutes(60)
    assert len(school.templates) == restarts, "it stays in the plan: to take it out would be a restart"


async def _stopped_and_started(school: School) -> None:
    school.bench.ask(inService=False)
    await school.passes()
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    school.bench.ask(inService=True)
    await school.passes()


async def test_a_base_that_was_stopped_goes_back_from_a_broken_release_with_all_that_was_there(school: School) -> None:
    school.data = "entered until it was stopped"
    school.broken.add(NEW)
    await _stopped_and_started(school)
    assert (school.version, school.roll["phase"], school.data) == (NEW, "Restarting", "spoiled")
    await school.after_minutes(21)
    assert (school.version, school.up_to_date, school.roll["phase"]) == (OLD, "RolledBack", "RolledBack")
    assert school.data == "entered until it was stopped"
    (archive,) = school.archives
    assert school.plan["restore"] == {"requestId": rollback_of(school.roll), "snapshot": archive}
    assert "archive" not in school.plan


async def test_a_base_that_was_stopped_and_cannot_be_archived_goes_back_at_once_untouched(school: School) -> None:
    school.cannot_archive = "the volume of the snapshots is full"
    school.broken.add(NEW)
    await _stopped_and_started(school)
    await school.after_minutes(0.5)
    assert (school.version, school.up_to_date, school.roll["phase"]) == (OLD, "RolledBack", "RolledBack")
    assert (school.data, school.archives) == ("entered", [])
    assert "ArchiveFailed: the volume of the snapshots is full" in school.roll["message"]
    assert school.bench.rolls == [("stable", "rolled_back")]


@pytest.mark.parametrize("stored", [False, True])
async def test_a_start_whose_answer_is_lost_is_repeated_under_the_same_name(school: School, stored: bool) -> None:
    """Another archive would be of what the new release has left by then."""
    whole = school.api.apply

    async def lost(manifest: Object) -> Object:
        if manifest["kind"] != "StatefulSet":
            return await whole(manifest)
        school.api.apply = whole  # type: ignore[method-assign]
        if stored:
            await whole(manifest)
        raise ApiError(500, "InternalError", "the answer was lost")

    school.broken.add(NEW)
    school.bench.ask(inService=False)
    await school.passes()
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    school.bench.ask(inService=True)
    school.api.apply = lost  # type: ignore[method-assign]
    with pytest.raises(ApiError):
        await school.passes()
    await school.after_minutes(1)
    assert school.version == NEW
    (archive,) = school.archives
    assert school.plan["archive"] == {"name": archive}
    await school.after_minutes(21)
    assert (school.version, school.data) == (OLD, "entered")


async def _started(kill_at: int | None, *, after: bool, broken: bool) -> School:
    school = School()
    await school.passes()
    school.bench.ask(inService=False)
    await school.passes()
    school.give(release(OLD), release(NEW, "2026-06-01T08:00:00"))
    await school.passes()
    before = school.requests
    if broken:
        school.broken.add(NEW)
    school.kill_at, school.after = (before + kill_at if kill_at is not None else None), after
    school.bench.ask(inService=True)
    await school.passes(12)
    await school.after_minutes(21, 12)
    await school.after_minutes(21, 12)
    school.requests -= before
    await school.stop()
    return school


@pytest.mark.parametrize("broken", [False, True])
async def test_a_start_killed_at_any_request_is_archived_once_and_ends_the_same(broken: bool) -> None:
    whole = await _started(None, after=False, broken=broken)
    assert whole.roll["phase"] == ("RolledBack" if broken else "Done")
    for number in range(1, whole.requests + 1):
        for after in (False, True):
            school = await _started(number, after=after, broken=broken)
            assert (school.version, school.roll["phase"]) == (whole.version, whole.roll["phase"]), (number, after)
            assert len(school.templates) == len(whole.templates), (number, after)
            assert (len(school.archives), school.data) == (1, "entered"), (number, after)


async def test_a_year_that_a_roll_only_tried_is_never_told_as_one_that_was_in_service() -> None:
    school = School()
    await school.passes()
    school.bench.replace({**school.api.base["spec"], "schoolYear": {}}, school.api.base["status"])
    school.broken.add(NEW)
    school.slow = 2
    school.give(release(OLD), release(NEW, "2026-08-26T07:00:00"))
    school.now = dt.datetime(2026, 8, 26, 6, tzinfo=dt.UTC)
    told: set[tuple[tuple[int, str], ...]] = set()
    for _ in range(30):
        await school.after_minutes(2, 1)
        told.add(tuple((one["schoolYear"], one["state"]) for one in school.api.base["status"]["bases"]))
    await school.stop()
    assert school.roll["phase"] == "RolledBack"
    # As kept it would count as turned: the release alone would be tried next, without the year.
    assert told == {
        ((2025, "InService"),),
        ((2025, "Kept"), (2026, "InService")),
        ((2025, "InService"), (2026, "Prepared")),
    }


async def _rolled(kill_at: int | None, *, after: bool, broken: bool, turns: bool = False) -> School:
    school = School()
    await school.passes()
    if turns:
        school.bench.replace({**school.api.base["spec"], "schoolYear": {}}, school.api.base["status"])
        await school.at("2026-07-01T06:00:00Z")
        await school.at("2026-08-15T06:00:00Z")
        school.now = dt.datetime(2026, 8, 26, 6, tzinfo=dt.UTC)
    before = school.requests
    if broken:
        school.broken.add(NEW)
    school.slow = 2
    school.kill_at, school.after = (before + kill_at if kill_at is not None else None), after
    school.give(release(OLD), release(NEW, "2026-08-26T07:00:00" if turns else "2026-06-01T08:00:00"))
    await school.passes(12)
    await school.after_minutes(21, 12)
    await school.after_minutes(21, 12)
    school.requests -= before
    await school.stop()
    return school


def _end(school: School) -> Object:
    """What must be the same however often the operator was killed."""
    status = school.api.base["status"]
    return {
        "version": school.version,
        "year": school.plan["schoolYear"],
        "roll": (school.roll["phase"], school.roll["to"], school.roll.get("message")),
        "upToDate": school.up_to_date,
        "templates": len(school.templates),
        "archives": len(school.archives),
        "told": len(status["snapshots"]["names"]),
        "settled": status.get("settledYears"),
        "bases": [(one["schoolYear"], one["state"]) for one in status["bases"]],
    }


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("broken", [False, True])
async def test_killed_at_any_request_the_end_is_the_same_and_nobody_is_rolled_twice(broken: bool, turns: bool) -> None:
    whole = await _rolled(None, after=False, broken=broken, turns=turns)
    assert whole.roll["phase"] == ("RolledBack" if broken else "Done")
    assert whole.plan["schoolYear"] == (2026 if turns and not broken else 2025)
    assert whole.rolls == [("stable", "rolled_back" if broken else "done")]
    kills = 0
    for number in range(1, whole.requests + 1):
        for after in (False, True):
            school = await _rolled(number, after=after, broken=broken, turns=turns)
            kills += school.kill_at is None
            assert _end(school) == _end(whole), (number, after)
            assert len(school.rolls) <= 1, (number, after, "is counted once, or by nobody who lived")
    assert kills >= 2 * (whole.requests - 2), f"{kills} kills at {whole.requests} requests"
