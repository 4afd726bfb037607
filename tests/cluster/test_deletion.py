"""What a deleted base leaves behind, by its deletionPolicy, and what becomes of that under a base made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.backups import names, policy, restore, take, wait_restored
from tests.cluster.schools import School, uai_of
from tests.cluster.stage import Stage
from tests.cluster.volumes import folder_of
from tests.support.kube import Object
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

PASSWORD = "Rentree-2026-cahier"


def _outlasting(school: School) -> list[tuple[str, str]]:
    """What holds data, or the key to them."""
    name = school.name
    claims = [("PersistentVolumeClaim", f"{name}-data"), ("PersistentVolumeClaim", f"{name}-snapshots")]
    return [*claims, ("Secret", f"{name}-snapshot-key"), ("Secret", f"{name}-net")]


def _uids(school: School) -> dict[str, str]:
    return {name: school.child(kind, name)["metadata"]["uid"] for kind, name in school.children}


def _wait_for(school: School, children: list[tuple[str, str]]) -> None:
    """Wait until nothing else is left of it."""

    def left() -> set[tuple[str, str]]:
        return {child for child in school.children if school.kube.get(*child, school.namespace)}

    wait_until(
        lambda: left() == set(children), 60, what=f"exactly {children} is left", last=lambda: str(sorted(left()))
    )


def _await_owners(owners: Callable[[], list[list[str]]], wanted: list[list[str]]) -> None:
    wait_until(lambda: owners() == wanted, 15, what=f"owners {wanted}", last=lambda: str(owners()))


def _apart_from_the_owner(found: Object) -> Object:
    own = ("ownerReferences", "resourceVersion", "managedFields")
    return {**found, "metadata": {name: value for name, value in found["metadata"].items() if name not in own}}


def _listed(repository: Path, passphrase: str) -> list[str] | str:
    """What borg itself says of a repository: its archives, or why there is nothing to read."""
    environment = {
        "PATH": os.environ["PATH"],
        "BORG_BASE_DIR": str(repository.parent / "borg"),
        "BORG_PASSPHRASE": passphrase,
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
    }
    command = ["borg", "list", "--bypass-lock", "--short", str(repository)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr if done.returncode else done.stdout.split()


@pytest.fixture
def covering(stage: Stage) -> Iterator[str]:
    """A policy."""
    with policy(stage.kube) as name:
        yield name


@pytest.fixture
def served(stage: Stage, school: School) -> Iterator[OperatorProcess]:
    """An operator that tests may stop."""
    with stage.operator(school.namespace) as process:
        process.wait_leading()
        yield process


@pytest.mark.usefixtures("served")
def test_retain_keeps_volumes_and_key_and_the_same_school_takes_them_up_again(school: School, covering: str) -> None:
    school.apply(backupPolicy=covering).wait_ready()
    school.add_user("claire", PASSWORD)
    archive = take(school, "archive")
    school.add_user("diane", PASSWORD)
    kept = {name: school.child(kind, name)["metadata"]["uid"] for kind, name in _outlasting(school)}
    key = school.secret(f"{school.name}-snapshot-key", "passphrase")

    school.delete()
    _wait_for(school, _outlasting(school))

    school.apply().wait_ready()
    assert "claire" in school.users()
    assert {name: school.child(kind, name)["metadata"]["uid"] for kind, name in _outlasting(school)} == kept
    assert school.secret(f"{school.name}-snapshot-key", "passphrase") == key

    wait_until(lambda: archive in names(school), 60, what="the kept snapshots are named again", every=0.5)
    assert wait_restored(school, restore(school, archive))["phase"] == "Succeeded"
    assert {"claire", "diane"} & set(school.users()) == {"claire"}


@pytest.mark.usefixtures("served")
def test_volumes_of_one_school_are_not_given_to_another_under_its_name(school: School) -> None:
    school.apply().wait_ready()
    mine, other = school.uai, uai_of("another school")
    school.delete()
    _wait_for(school, _outlasting(school))
    school.wait_no_pod()
    kept = {name: school.child(kind, name) for kind, name in _outlasting(school)}

    message = school.apply(uai=other).wait_stalled("UaiMismatch")
    assert other in message
    assert mine in message
    assert f"{school.name}-data" in message
    assert school.pod is None
    assert {name: school.child(kind, name) for kind, name in _outlasting(school)} == kept, "nothing was touched"

    # The number is fixed at creation: the right one means a base made anew.
    school.delete()
    school.apply(uai=mine).wait_ready()


def test_delete_removes_everything_also_while_no_operator_runs(
    school: School, served: OperatorProcess, covering: str, tmp_path: Path
) -> None:
    school.apply(deletionPolicy="Delete", backupPolicy=covering).wait_ready()
    snapshot = take(school)
    key, claim = school.secret(f"{school.name}-snapshot-key", "passphrase"), folder_of(school, "snapshots")
    copy = shutil.copytree(claim / "repository", tmp_path / "repository")
    served.kill()
    school.delete()
    _wait_for(school, [])
    wait_until(lambda: not claim.exists(), 60, what="the volume is gone", every=0.5)

    # Of a copy that somebody has, nothing can be read any more, unless they have the key too.
    assert _listed(copy, key) == [snapshot]
    for guess in ("", key[:-1]):
        assert "passphrase supplied in BORG_PASSPHRASE, by BORG_PASSCOMMAND or via BORG_PASSPHRASE_FD is incorrect" in (
            _listed(copy, guess)
        )


@pytest.mark.usefixtures("served")
def test_a_base_made_anew_at_once_waits_until_the_one_before_is_gone(school: School) -> None:
    """Its volumes are on their way out: they are not taken up, and the new ones are empty."""
    school.apply(deletionPolicy="Delete").wait_ready()
    school.add_user("claire", PASSWORD)
    before = _uids(school)
    school.delete()
    school.apply().wait_ready(timeout=120)
    after = _uids(school)
    assert not set(before.values()) & set(after.values())
    assert "claire" not in school.users()


@pytest.mark.usefixtures("served")
def test_switching_the_policy_changes_the_owner_of_volumes_and_key_and_nothing_else(school: School) -> None:
    school.apply().wait_ready()
    base, pod, before = school.get()["metadata"]["uid"], school.pod_uid, _uids(school)

    def owners() -> list[list[str]]:
        found = [school.child(*child)["metadata"].get("ownerReferences", []) for child in _outlasting(school)]
        return [[owner["uid"] for owner in owned] for owned in found]

    content = [_apart_from_the_owner(school.child(*child)) for child in _outlasting(school)]
    for chosen, wanted in [("Delete", [[base]] * 4), ("Retain", [[]] * 4)] * 2:
        school.apply(deletionPolicy=chosen)
        _await_owners(owners, wanted)
        school.wait_settled()
        assert [_apart_from_the_owner(school.child(*child)) for child in _outlasting(school)] == content
        assert (school.pod_uid, _uids(school)) == (pod, before)


def test_a_policy_changed_while_no_operator_ran_is_made_up(school: School, served: OperatorProcess) -> None:
    school.apply(deletionPolicy="Delete").wait_ready()
    served.kill()
    school.apply(deletionPolicy="Retain")
    served.start()
    school.wait_settled(60)
    school.delete()
    _wait_for(school, _outlasting(school))
