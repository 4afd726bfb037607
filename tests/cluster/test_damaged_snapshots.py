"""A disk that lies, loses, or is full: it is told, the school goes on, and snapshots are good again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.backups import ask_for, events, names, policy, restore, restored, take, wait_event, wait_restored
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.cluster.volumes import add_annex, fill, flip_a_byte, segments, small
from tests.support.kube import condition_of, describe
from tests.support.operator_ahead import ahead
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

TEACHER = ("claire", "Tableau-noir-1887")
PHOTO_BYTES = 3 << 20
SMALL = "96m"
"""Room for the repository, its reserve and one more archive, and little else."""
A_DAY = 25.0
"""Hours. Every base has its drill within the first day where there is one a day."""


@dataclass
class Backed:
    """A base with a teacher, a policy that takes nothing by itself, and its operator."""

    school: School
    operator: OperatorProcess

    def take(self, kind: str = "archive") -> str:
        """Have a snapshot taken that is good, and told as good."""
        name = take(self.school, kind)
        self.school.wait("BackedUp", reason="Recent")
        return name

    def bring_back(self, name: str) -> None:
        """Restore a snapshot, which must work."""
        told = wait_restored(self.school, restore(self.school, name))
        assert (told["phase"], restored(self.school)) == ("Succeeded", ("True", "Succeeded")), told
        assert TEACHER[0] in self.school.users()

    def cannot_bring_back(self, name: str) -> str:
        """Try to restore a snapshot, which must not work and cost nothing; the reason."""
        told = wait_restored(self.school, restore(self.school, name))
        status, reason = restored(self.school)
        assert (told["phase"], status) == ("Failed", "False"), told
        return reason

    def assert_unharmed(self, folder: Path) -> None:
        """The school is in service with its data, and a Client can log in."""
        found = self.school.get()
        assert condition_of(found, "Ready")["status"] == "True", describe(found)
        assert TEACHER[0] in self.school.users()
        done = self.school.log_in(folder, *TEACHER, mode="enseignant")
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def backed(stage: Stage) -> Iterator[Backed]:
    """See `Backed`; the tests of this module leave it with good snapshots."""
    with (
        stage.space() as space,
        policy(stage.kube, verification={"everyDays": 1}) as name,
        stage.operator(space) as operator,
    ):
        operator.wait_leading()
        school = School(stage.cluster, stage.kube, space, spec={"backupPolicy": name})
        school.apply().wait_ready()
        school.add_user(*TEACHER)
        yield Backed(school, operator)


def test_a_flipped_byte_is_found_by_a_drill_and_costs_one_snapshot(stage: Stage, backed: Backed, folder: Path) -> None:
    school = backed.school
    photo = add_annex(school, PHOTO_BYTES)
    archive = backed.take()
    photo.unlink()
    flip_a_byte(max(segments(school), key=lambda segment: segment.stat().st_size))

    backed.operator.terminate()
    with stage.operator(school.namespace, command=ahead(A_DAY)) as tomorrow:
        wait_event(school, "DrillFailed", archive)
        told = school.wait("BackedUp", "False")
        assert "lastDrillTime" in told["status"]["snapshots"], describe(told)
        assert "lastVerifiedTime" not in told["status"]["snapshots"], describe(told)
        tomorrow.terminate()
    backed.operator.start()
    assert school.metric('pronote_snapshot_verifications_total{result="damaged"}') == 1
    assert school.metric("pronote_snapshots_damaged") == 1
    backed.assert_unharmed(folder)

    assert backed.cannot_bring_back(archive) == "SnapshotDamaged"
    backed.assert_unharmed(folder)

    good = backed.take()
    assert archive not in names(school), "a damaged one goes once there is a newer good one"
    backed.bring_back(good)


def test_a_truncated_repository_is_mended_by_the_next_snapshot(backed: Backed, folder: Path) -> None:
    school = backed.school
    photo = add_annex(school, PHOTO_BYTES)
    first = backed.take()
    photo.unlink()
    largest = max(segments(school), key=lambda segment: segment.stat().st_size)
    with largest.open("r+b") as file:
        file.truncate(largest.stat().st_size // 2)

    # Which of them depends on whether the end of the segment was also the end of borg's last transaction.
    assert backed.cannot_bring_back(first) in ("SnapshotDamaged", "SafetySnapshotFailed", "RepositoryDamaged")
    backed.assert_unharmed(folder)
    backed.bring_back(backed.take("sauvegarde"))


def test_a_full_volume_fails_snapshots_until_there_is_room(backed: Backed, folder: Path, tmp_path: Path) -> None:
    school = backed.school
    aside = tmp_path / "aside"
    aside.mkdir()
    school.apply(inService=False).wait_ready("OutOfService")
    school.wait_no_pod()
    with small(school, "snapshots", SMALL, aside) as volume:
        try:
            school.apply(inService=True).wait_ready()
            good = backed.take()
            filler = fill(volume)
            failed = ask_for(school, "archive")
            wait_event(school, "SnapshotFailed", failed)
            told = condition_of(school.wait("BackedUp", "False", "Failing"), "BackedUp")
            assert "VolumeFull" in events(school, "SnapshotFailed")[-1]
            assert "1 archive failed" in told["message"], told
            backed.assert_unharmed(folder)

            filler.unlink()
            backed.take()
            backed.bring_back(good)
        finally:
            school.apply(inService=False).wait_ready("OutOfService")
            school.wait_no_pod()
    school.apply(inService=True).wait_ready()
    wait_until(lambda: school.users(), 10, what="it serves from its old volume")
