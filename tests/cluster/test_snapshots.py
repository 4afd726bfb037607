"""Snapshots of a real server, in a real repository, on request; and back. By schedule: `test_snapshot_schedule`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.backups import names, policy, restore, restored, take, wait_restored
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.kube import condition_of

pytestmark = pytest.mark.beside

TEACHER = "Tableau-noir-1887"


@pytest.fixture(scope="module")
def backed(stage: Stage) -> Iterator[School]:
    """A base in service with a policy that takes nothing by itself, and its operator."""
    with stage.space() as space, policy(stage.kube) as name, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space, spec={"backupPolicy": name})
        school.apply().wait_ready()
        yield school


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
