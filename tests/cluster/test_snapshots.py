"""Snapshots of a real server, in a real repository, by schedule and on request; and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.backups import MINUTELY, names, policy, restore, restored, take, wait_restored
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.kube import condition_of, describe
from tests.support.waiting import wait_until

TEACHER = "Tableau-noir-1887"


@pytest.fixture(scope="module")
def backed(stage: Stage) -> Iterator[School]:
    """A base in service with a policy that takes nothing by itself, and its operator."""
    with stage.space() as space, policy(stage.kube) as name, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space, spec={"backupPolicy": name})
        school.apply().wait_ready()
        yield school


def test_a_schedule_is_kept_and_told(stage: Stage, space: str) -> None:
    with policy(stage.kube, backups={"schedule": MINUTELY, "keep": 2}) as name, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space, spec={"backupPolicy": name})
        school.apply().wait_ready()
        wait_until(
            lambda: len(names(school, "sauvegarde")) >= 2,
            200,
            what="two snapshots",
            last=lambda: describe(school.get()),
            every=1,
        )
        school.wait("BackedUp", reason="Recent")
        told = school.get()["status"]["snapshots"]
        assert told["failures"] == 0
        assert told["lastBackupTime"] <= told["nextTime"]
        first = names(school)[0]
        wait_until(lambda: first not in names(school), 100, what="the oldest goes", every=1)
        assert 1 <= len(names(school)) <= 2


def test_an_archive_brings_back_what_was_there_when_it_was_taken(backed: School) -> None:
    backed.add_user("avant", TEACHER)
    archive = take(backed, "archive")
    backed.add_user("apres", TEACHER)
    request = restore(backed, archive)
    told = wait_restored(backed, request)
    assert (told["phase"], told["snapshot"]) == ("Succeeded", archive), told
    assert restored(backed) == ("True", "Succeeded")
    assert "avant" in backed.users()
    assert "apres" not in backed.users()

    safety = told["safetySnapshot"]
    assert safety in names(backed), "what was in service is kept"
    pod = backed.pod_uid
    backed.apply(restore=None)
    backed.wait_settled()
    assert backed.pod_uid == pod, "to take the request out of the spec does nothing"
    again = restore(backed, safety)
    assert wait_restored(backed, again)["phase"] == "Succeeded"
    assert "apres" in backed.users(), "and back"


def test_a_snapshot_that_is_missing_costs_no_data_and_is_said(backed: School) -> None:
    before = backed.users()
    request = restore(backed, "archive-20200101T0000Z")
    told = wait_restored(backed, request)
    assert told["phase"] == "Failed"
    assert "archive-20200101T0000Z" in told["message"]
    assert restored(backed) == ("False", "SnapshotMissing")
    assert backed.users() == before
    assert condition_of(backed.get(), "Ready")["status"] == "True"
