"""`kubectl pronote snapshots | backup | restore`, as a person runs them, beside a tool that applies from Git."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.backups import policy, wait_restored
from tests.cluster.people import Person
from tests.cluster.schools import School
from tests.cluster.stage import Stage

pytestmark = pytest.mark.beside

PASSWORD = "Rentree-2026-cahier"


@pytest.fixture(scope="module")
def person(stage: Stage) -> Iterator[Person]:
    with stage.space() as space, policy(stage.kube) as name, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space, spec={"backupPolicy": name})
        school.apply().wait_ready()
        yield Person(school)


@pytest.fixture(scope="module")
def archive(person: Person) -> str:
    """An archive that was asked for, with the user `avant`, but without `apres`."""
    person.school.add_user("avant", PASSWORD)
    done = person.pronote("backup", "--archive")
    name = done.stdout.strip()
    person.school.add_user("apres", PASSWORD)
    assert f"Asked for snapshot {name} of base moulin." in done.stderr
    assert f"{name}: waiting for the operator" in done.stderr, "progress"
    assert f"Done: snapshot {name} is taken." in done.stderr
    return name


def test_an_extra_archive_is_taken_and_listed(person: Person, archive: str) -> None:
    assert archive.startswith("archive-")
    assert archive in person.pronote("snapshots").stdout
    report = json.loads(person.pronote("snapshots", "--output", "json").stdout)
    assert archive in [snapshot["name"] for snapshot in report["snapshots"]]
    assert report["base"] == person.school.name


def test_a_name_that_is_not_there_is_refused_with_those_near_it(person: Person, archive: str) -> None:
    wrong = archive.replace("archive-2", "archive-1")
    before = person.school.get()["metadata"]["generation"]
    for arguments in ((), ("--apply",)):
        told = person.pronote("restore", wrong, *arguments, code=1)
        assert f"has no snapshot {wrong}; near it: {archive}" in told.stderr
        assert told.stdout == ""
    assert person.school.get()["metadata"]["generation"] == before


def test_restores_sent_and_committed_are_carried_out_and_never_in_the_way_of_git(person: Person, archive: str) -> None:
    school, kube = person.school, person.school.kube
    original = school.manifest

    done = person.pronote("restore", archive, "--apply", "--wait")
    assert f"Done: restored {archive}" in done.stderr
    assert {"avant", "apres"} & set(school.users()) == {"avant"}
    restore = school.get()["status"]["restore"]
    assert yaml.safe_load(done.stdout)["spec"]["restore"]["requestId"] == restore["requestId"]
    pod = school.pod_uid
    for manager in ("test", "flux"):
        kube.apply(original, manager=manager, force=False)
    school.wait_settled()
    assert school.get()["spec"]["restore"]["snapshot"] == archive, "what Git does not name stays"
    assert school.pod_uid == pod

    # The other way: nothing is sent, the YAML is committed.
    safety = restore["safetySnapshot"]
    printed = person.pronote("restore", safety)
    assert "Nothing is changed yet." in printed.stderr
    assert school.get()["spec"]["restore"]["snapshot"] == archive
    kube.kubectl("apply", "-f", "-", stdin=printed.stdout)
    told = wait_restored(school, yaml.safe_load(printed.stdout)["spec"]["restore"]["requestId"])
    assert (told["phase"], told["snapshot"]) == ("Succeeded", safety), told
    assert {"avant", "apres"} <= set(school.users())

    # Now the field is that tool's: it is not taken away from it unasked.
    refused = person.pronote("restore", archive, "--apply", code=1)
    assert "spec.restore is held by another tool" in refused.stderr
    assert school.get()["spec"]["restore"]["snapshot"] == safety
