"""Snapshots of a base through passes and workers, with an agent kept in memory."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pronote_operator.api.snapshots import SnapshotKind, parsed_name
from pronote_operator.cluster.agent import AgentError
from pronote_operator.handlers.snapshot_work import listed_in
from pronote_operator.handlers.snapshots import SnapshotDesk
from pronote_operator.planning.snapshot_job import SnapshotJob, Why
from tests.unit.core.test_pass import KEY, Bench

Object = dict[str, Any]
HOURLY = {"backups": {"schedule": "0 * * * *", "keep": 3}, "archives": {"schedule": "30 2 * * *", "keep": 2}}
POLICY = {**HOURLY, "spreadMinutes": 0, "startingDeadlineMinutes": 30}


class Volume:
    """What an agent keeps; `trouble` is raised by the next snapshots."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.names: list[str] = []
        self.trouble: AgentError | None = None
        self.orders: list[Object] = []
        self.damaged: set[str] = set()

    def __call__(self, question: str, order: Object) -> Object:
        verb, _, rest = question.partition(" ")
        if verb == "take":
            self.orders.append(order)
            if self.trouble is not None:
                raise self.trouble
            if rest not in self.names:
                self.names.append(rest)
            return self._entry(rest)
        if verb == "delete":
            self.names = [name for name in self.names if name not in rest.split()]
        if verb == "preparation":
            return {"restores": []}
        if verb == "verify":
            if rest in self.damaged:
                raise AgentError("SnapshotDamaged", f"parts of {rest} cannot be read")
            return {"name": rest, "pupils": 600}
        return {"snapshots": [self._entry(name) for name in self.names]}

    def _entry(self, name: str) -> Object:
        return {"name": name, "takenTime": parsed_name(name)[1].isoformat(), "damaged": name in self.damaged}

    @property
    def backups(self) -> list[str]:
        return [name for name in self.names if name.startswith("sauvegarde")]


class School:
    """A base with a policy, its volume, and the worker that carries out what passes want."""

    def __init__(self) -> None:
        self.bench = Bench(created="2026-11-24T07:45:00Z")
        self.volume = Volume(self.bench)
        self.bench.agents.script = self.volume
        self.policy(POLICY)
        self.worker: asyncio.Task[None] | None = None

    def policy(self, spec: Object) -> None:
        self.bench.shared.put_policy(
            {"metadata": {"name": "p", "annotations": {"pronote.hosting/is-default": "true"}}, "spec": spec}
        )

    async def at(self, hour: int, minute: int = 0, day: int = 24) -> School:
        """The clock is set, and passes run until there is nothing more to do."""
        self.bench.now = dt.datetime(2026, 11, day, hour, minute, tzinfo=dt.UTC)
        for _ in range(6):
            self.bench.marked.clear()
            await self.bench.reconcile(KEY)
            self.bench.desk.wake()
            for _ in range(20):
                await asyncio.sleep(0)
            if not self.bench.marked:
                break
        return self

    @property
    def snapshots(self) -> Object:
        return dict(self.bench.status.get("snapshots", {}))


@contextlib.asynccontextmanager
async def working(desk: SnapshotDesk) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def school() -> AsyncIterator[School]:
    made = School()
    async with working(made.bench.desk):
        yield await made.at(8, 0)


async def test_each_slot_is_one_snapshot_and_the_status_tells_it(school: School) -> None:
    await school.at(9, 1)
    await school.at(9, 2)
    await school.at(9, 59)
    assert school.volume.backups == ["sauvegarde-20261124T0800Z", "sauvegarde-20261124T0900Z"]
    assert len(school.volume.orders) == 2
    assert school.snapshots["names"] == school.volume.names
    assert school.snapshots["lastBackupTime"] == "2026-11-24T09:00:00Z"
    assert school.snapshots["nextTime"] == "2026-11-24T10:00:00Z"
    assert school.bench.condition("BackedUp") == ("True", "Recent")


async def test_the_agent_is_told_what_alerts_need(school: School) -> None:
    order = next(order for order in school.volume.orders if order["kind"] == "Backup")
    assert (order["intervalSeconds"], order["deadlineSeconds"]) == (3600, 1800)


async def test_a_pass_with_nothing_due_asks_nobody_and_writes_nothing(school: School) -> None:
    await school.at(9, 1)
    school.bench.api.sent.clear()
    school.bench.agents.asked.clear()
    await school.at(9, 30)
    assert school.bench.api.sent == []
    assert school.bench.agents.asked == []


async def test_a_failure_is_counted_and_never_stops_the_next(school: School) -> None:
    school.volume.trouble = AgentError("VolumeFull", "the snapshots volume is full")
    await school.at(9, 1)
    await school.at(9, 20)
    assert school.snapshots["failures"] == 1, "a slot is tried once"
    assert school.bench.condition("BackedUp") == ("False", "Failing")
    school.volume.trouble = None
    await school.at(10, 1)
    assert "sauvegarde-20261124T1000Z" in school.volume.names
    assert school.snapshots["failures"] == 0
    assert school.bench.condition("BackedUp") == ("True", "Recent")


async def test_what_could_not_be_begun_is_still_due(school: School) -> None:
    school.volume.trouble = AgentError("Unreachable", "the agent of the base does not answer")
    await school.at(9, 1)
    assert school.snapshots["failures"] == 0
    school.volume.trouble = None
    await school.at(9, 20)
    assert "sauvegarde-20261124T0900Z" in school.volume.names


async def test_what_could_never_be_begun_is_missed_and_counts(school: School) -> None:
    school.volume.trouble = AgentError("Unreachable", "the agent of the base does not answer")
    await school.at(9, 1)
    await school.at(9, 31)
    assert school.snapshots["failures"] == 1


async def test_a_deadline_as_long_as_the_interval_hides_no_base_that_never_answers(school: School) -> None:
    school.policy({**POLICY, "startingDeadlineMinutes": 60})
    school.volume.trouble = AgentError("Unreachable", "the agent of the base does not answer")
    for hour, failures in ((9, 0), (10, 1), (11, 2)):
        await school.at(hour, 1)
        await school.at(hour, 40)
        assert school.snapshots["failures"] == failures
    assert school.bench.condition("BackedUp") == ("False", "Failing")
    school.volume.trouble = None
    await school.at(11, 50)
    assert school.volume.backups[-1] == "sauvegarde-20261124T1100Z"
    assert school.snapshots["failures"] == 0


async def test_a_restarted_operator_takes_up_the_slot_under_the_same_name() -> None:
    school = School()
    await school.at(8, 5)  # nobody works: the pass only says what is wanted
    assert school.volume.orders == []
    again = School()
    again.bench.store.put(KEY, school.bench.api.base | {"metadata": school.bench.api.base["metadata"]})
    async with working(again.bench.desk):
        await again.at(8, 10)
        assert again.volume.backups == ["sauvegarde-20261124T0800Z"]


async def test_older_ones_go_after_a_good_one_and_a_lowered_number_waits_for_it(school: School) -> None:
    for hour in (9, 10, 11, 12):
        await school.at(hour, 1)
    assert len(school.volume.backups) == 3
    school.policy({**POLICY, "backups": {"schedule": "0 * * * *", "keep": 1}})
    await school.at(12, 30)
    assert len(school.volume.backups) == 3
    await school.at(13, 1)
    assert school.volume.backups == ["sauvegarde-20261124T1300Z"]
    assert school.snapshots["names"][-1] == "sauvegarde-20261124T1300Z"


async def test_a_snapshot_that_a_restore_asks_for_is_never_deleted(school: School) -> None:
    await school.at(9, 1)
    school.bench.ask(restore={"requestId": "a", "snapshot": "sauvegarde-20261124T0800Z"})
    hours = range(8, 14)
    listed = [
        {"name": f"sauvegarde-20261124T{hour:02}00Z", "takenTime": f"2026-11-24T{hour:02}:00:00Z"} for hour in hours
    ]
    slot = dt.datetime(2026, 11, 24, 13, tzinfo=dt.UTC)
    job = SnapshotJob(SnapshotKind.BACKUP, "sauvegarde-20261124T1300Z", slot, slot, slot, Why.SCHEDULED)
    doomed = school.bench.desk._expendable(KEY, job, listed_in({"snapshots": listed}))
    assert doomed
    assert "sauvegarde-20261124T0800Z" not in doomed


async def test_an_extra_one_is_taken_once_when_asked_for(school: School) -> None:
    await school.at(9, 1)
    request = "archive-20261124T090500Z"
    base = school.bench.api.base
    metadata = base["metadata"] | {
        "annotations": {"pronote.hosting/snapshot-request": request},
        "resourceVersion": str(school.bench.api.next_version()),
    }
    school.bench.api.base = {**base, "metadata": metadata}
    school.bench.store.put(KEY, school.bench.api.base)
    await school.at(9, 6)
    await school.at(9, 7)
    assert [order["name"] for order in school.volume.orders].count(request) == 1
    assert request in school.snapshots["names"]


async def test_a_stopped_base_is_skipped_with_the_reason_and_fails_nothing(school: School) -> None:
    await school.at(9, 1)
    school.bench.ask(inService=False)
    await school.at(10, 1)
    await school.at(12, 1)
    assert school.bench.condition("BackedUp") == ("True", "ServerStopped")
    assert school.snapshots["failures"] == 0
    assert len(school.volume.backups) == 2


async def test_a_deleted_base_is_forgotten(school: School) -> None:
    await school.at(9, 1)
    school.bench.store.remove(KEY)
    school.bench.desk.forget(KEY)
    assert school.bench.desk.running == 0


async def test_what_a_drill_found_damaged_is_told_as_a_snapshot_no_more() -> None:
    made = School()
    made.policy({**POLICY, "verification": {"everyDays": 1}})
    async with working(made.bench.desk):
        school = await made.at(8, 1)
        (only,) = school.volume.names
        school.volume.damaged = {only}
        made.policy({**POLICY, "backups": {"schedule": "0 0 31 12 *"}, "verification": {"everyDays": 1}})
        school.volume.trouble = AgentError("Unreachable", "no further snapshot is taken")
        await school.at(8, 2, day=25)
    assert f"verify {only}" in school.bench.agents.asked
    assert "lastDrillTime" in school.snapshots
    assert "lastVerifiedTime" not in school.snapshots
    assert "lastBackupTime" not in school.snapshots
    held = school.bench.condition("BackedUp")
    assert held is not None
    assert held[0] == "False"
