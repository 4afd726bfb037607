"""The very first base from a file packed on another server, or from snapshots; and what is refused, and heals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster import uploads
from tests.cluster.backups import names, policy, restore, take, wait_restored
from tests.cluster.schools import School
from tests.cluster.stage import ROOT, Stage
from tests.cluster.uploads import Export, annexes_of, claim, put
from tests.cluster.volumes import folder_of
from tests.support.kube import Kube, condition_of, describe
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

PASSWORD = "Rentree-2026-cahier"
PUPILS = "nationalId,lastName,firstName,birthDate,class\n" + "".join(
    f"{number:09}AB,Nom{number},Prénom,2014-05-31,6{'AB'[number % 2]}\n" for number in range(40)
)
ANNEXES = {"photos/6A/moreau.jpg": b"\xff\xd8 a face", "letters/Été.odt": b"Madame,", "documents/a/b/c.pdf": b"%PDF"}
HEALED_SECONDS = 30.0
"""From a good file in the place of a bad one to a base in service, on a busy machine."""


@dataclass(frozen=True)
class Origin:
    """A base in service with an archive, and what it was exported as."""

    school: School
    export: Export
    archive: str
    policy: str

    def another(self, name: str, **spec: object) -> School:
        """A further base of the same school in the namespace."""
        school = self.school
        return School(school.cluster, school.kube, school.namespace, name, {"uai": school.uai, **spec})


def hnot(claim_name: str, path: str = "base.HNOT", **more: object) -> dict[str, object]:
    """A source."""
    return {"hnot": {"claimName": claim_name, "path": path, **more}}


@pytest.fixture(scope="module")
def origin(stage: Stage) -> Iterator[Origin]:
    with stage.space() as space, policy(stage.kube) as name, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space, "origine", {"backupPolicy": name})
        school.apply().wait_ready()
        data = folder_of(school, "data")
        (year,) = (data / "years").iterdir()
        for path, content in ANNEXES.items():
            put(year / "annexes" / path, content)
        put(data / "pupils.csv", PUPILS.encode())
        school.execute("pronote-server", "pupil", "import", "/var/lib/pronote/pupils.csv")
        school.add_user("claire", PASSWORD)
        yield Origin(school, uploads.export(school), take(school, "archive"), name)


def _events(school: School, reason: str) -> list[str]:
    """Notes of a base's Events."""
    uid = school.get()["metadata"]["uid"]
    found = school.kube.list("events.k8s.io/v1/Event", school.namespace)
    return [event["note"] for event in found if event["reason"] == reason and event["regarding"]["uid"] == uid]


def _holds(school: School, export: Export) -> None:
    """Check that everything is there that was exported."""
    assert set(school.users()) >= set(export.users)
    assert school.execute("pronote-server", "pupil", "list") == export.pupils
    assert annexes_of(school) == export.annexes


# Packed files.


def test_a_packed_base_is_loaded_step_by_step_and_then_needs_its_upload_no_more(
    origin: Origin, kube: Kube, tmp_path: Path, folder: Path
) -> None:
    annexes = ["base.HPHOTOS", "base.HCOURRIERS", "base.HDOCJOINTS"]
    origin.export.put(tmp_path)
    school = origin.another("chargee", source=hnot("upload", annexes=annexes, profils="base.profils"))
    _copy_as_the_sample_says(kube, school.namespace, tmp_path)
    school.apply().wait_ready()
    _holds(school, origin.export)
    assert len(origin.export.annexes) == 3
    assert school.log_in(folder, "claire", PASSWORD, "enseignant").returncode == 0
    steps = ["base.HNOT", *annexes, "base.profils"]
    wait_until(lambda: len(_events(school, "SourceLoaded")) == len(steps), 10, what="an Event for each step")
    told = [note.rpartition(" from ")[2] for note in _events(school, "SourceLoaded")]
    assert sorted(told) == sorted(steps)
    kube.delete("PersistentVolumeClaim", "upload", school.namespace)

    # Nobody stops the base first: its pod is deleted, as by a drain, while its template names the claim still.
    kube.delete("Pod", f"{school.name}-0", school.namespace)
    kube.wait_gone("PersistentVolumeClaim", "upload", school.namespace)
    before = school.pod_uid
    school.wait_ready(timeout=90)
    school.apply(inService=False).wait_ready("OutOfService")
    school.apply(inService=True).wait_ready()
    school.apply(resources={"limits": {"cpu": "1", "memory": "300Mi"}}).wait_settled(90)
    assert school.pod_uid != before, "it was rolled"
    _holds(school, origin.export)
    assert len(_events(school, "SourceLoaded")) == len(steps), "told once"


def _copy_as_the_sample_says(kube: Kube, namespace: str, folder: Path) -> None:
    """The claim `upload` of the sample, with the files of a folder copied to it through the sample's pod."""
    documents = yaml.safe_load_all((ROOT / "manifests/samples/from-hnot.yaml").read_text())
    for document in documents:
        if document["kind"] in ("PersistentVolumeClaim", "Pod"):
            document["metadata"]["namespace"] = namespace
            kube.apply(document)
    kube.wait_for_condition("Pod", "upload", "Ready", namespace)
    kube.kubectl("cp", f"{folder}/.", "upload:/upload", "-n", namespace)
    kube.delete("Pod", "upload", namespace, wait=30)


BAD: dict[str, tuple[Callable[[bytes, Path], bytes], tuple[str, str]]] = {
    "of-another-school": (uploads.of_another_school, ("UaiMismatch", "is of the school 0210066H")),
    "truncated": (uploads.truncated, ("HnotInvalid", "truncated")),
    "with-a-path-out": (uploads.with_a_path_out, ("HnotInvalid", "'../../key' has a name that holds . or ..")),
    "with-a-link": (uploads.with_a_link, ("HnotInvalid", "'link' is a link")),
    "bomb": (uploads.bomb, ("HnotTooLarge", "out of proportion")),
}


def test_bad_files_are_refused_by_name_and_reason_and_good_ones_in_their_place_heal(
    origin: Origin, kube: Kube, tmp_path: Path
) -> None:
    good = origin.export.files["base.HNOT"]
    upload = tmp_path / "upload"
    upload.mkdir()
    schools = {name: origin.another(name, source=hnot("bad", f"{name}.HNOT")) for name in BAD}
    for name, (spoil, _) in BAD.items():
        put(upload / f"{name}.HNOT", spoil(good, tmp_path))
    with claim(kube, origin.school.namespace, "bad", upload):
        for school in schools.values():
            school.apply()
        for name, school in schools.items():
            message = school.wait_stalled("DataPlanRefused", 90)
            reason, why = BAD[name][1]
            assert message.startswith(f"{reason}: {name}.HNOT "), message
            assert why in message
            assert list(folder_of(school, "data").rglob("*")) == [], "nothing was written"
            assert _events(school, "DataPlanRefused") == [message]
        # The kubelet has long begun to wait between two starts.
        time.sleep(20)
        for name in BAD:
            put(upload / f"{name}.HNOT", good)
        replaced = time.monotonic()
        for school in schools.values():
            school.wait_ready(timeout=HEALED_SECONDS - (time.monotonic() - replaced))
        print(f"{len(BAD)} bases are in service {time.monotonic() - replaced:.1f} s after their files were mended")
        for school in schools.values():
            assert _events(school, "Mended")
            school.delete()


def test_an_upload_that_is_not_there_yet_is_waited_for(origin: Origin, kube: Kube, tmp_path: Path) -> None:
    school = origin.another("attend", source=hnot("later"))
    found = school.apply().wait("Ready", "False", reason="ReferenceNotFound")
    said = condition_of(found, "Ready")["message"]
    assert "spec.source.hnot.claimName: PersistentVolumeClaim later" in said
    assert not condition_of(found, "Stalled"), describe(found)
    with claim(kube, school.namespace, "later", tmp_path):
        # pytest's folders are private.
        message = school.wait_stalled("DataPlanRefused", 90)
        assert message.startswith(
            "HnotUnreadable: base.HNOT cannot be reached: user 10001 may not open the claim's root"
        )
        origin.export.put(tmp_path, "base.HNOT")
        tmp_path.chmod(0o755)
        school.wait_ready(timeout=HEALED_SECONDS)
        assert school.execute("pronote-server", "pupil", "list") == origin.export.pupils
        school.delete()


# Snapshots.


def test_a_snapshot_of_another_base_is_taken_and_taken_again_when_the_data_are_lost(origin: Origin) -> None:
    source = {"snapshot": {"base": origin.school.name, "name": origin.archive}}
    school = origin.another("copie", source=source, backupPolicy=origin.policy)
    school.apply().wait_ready()
    _holds(school, origin.export)
    wait_until(lambda: _events(school, "SourceLoaded"), 10, what="it is told")
    (told,) = _events(school, "SourceLoaded")
    assert told.startswith(f"{origin.archive} of {origin.school.name}, taken ")
    school.add_user("diane", PASSWORD)

    school.apply(inService=False).wait_ready("OutOfService")
    _lose_data(school)
    school.apply(inService=True).wait_ready()
    _holds(school, origin.export)
    assert "diane" not in school.users(), "it is the snapshot again"


def test_its_own_snapshots_bring_a_base_back_whose_data_are_lost_and_no_old_restore_undoes_that(origin: Origin) -> None:
    source = {"snapshot": {"base": origin.school.name, "name": origin.archive}}
    school = origin.another("sinistre", source=source, backupPolicy=origin.policy)
    school.apply().wait_ready()
    request = restore(school, take(school, "archive"))
    assert wait_restored(school, request)["phase"] == "Succeeded"
    school.add_user("diane", PASSWORD)
    own = take(school, "archive")

    # The object goes too: its manifest still has the old request for a restore.
    school.delete()
    school.wait_no_pod()
    _lose_data(school)
    school.apply(source={"snapshot": {"base": school.name, "name": own}}).wait_ready()
    _holds(school, origin.export)
    assert "diane" in school.users(), "the older snapshot was not restored over it"
    told = school.get()["status"]["restore"]
    assert (told["requestId"], told["phase"]) == (request, "Succeeded"), told
    wait_until(lambda: own in names(school), 60, what="its kept snapshots are known again")

    # The same manifest serves once more.
    school.apply(inService=False).wait_ready("OutOfService")
    _lose_data(school)
    school.apply(inService=True).wait_ready()
    assert "diane" in school.users()
    pod = school.pod_uid
    school.wait_settled()
    assert school.pod_uid == pod


def test_snapshots_of_another_school_are_refused(origin: Origin) -> None:
    source = {"snapshot": {"base": origin.school.name, "name": origin.archive}}
    school = origin.another("intrus", source=source)
    school.spec.pop("uai")
    message = school.apply().wait_stalled("UaiMismatch")
    assert f"the snapshots of {origin.school.name} are of {origin.school.uai}, spec.uai is {school.uai}" in message
    assert school.kube.get("StatefulSet", school.name, school.namespace) is None, "no pod has their volume or key"


def test_a_snapshot_that_is_not_there_is_refused_with_those_that_are(origin: Origin) -> None:
    school = origin.another(
        "perdue", source={"snapshot": {"base": origin.school.name, "name": "archive-20200101T0000Z"}}
    )
    message = school.apply().wait_stalled("DataPlanRefused", 90)
    assert message.startswith("SnapshotMissing: ")
    assert "archive-20200101T0000Z" in message
    assert origin.archive in message
    assert list(folder_of(school, "data").rglob("*")) == []
    school.delete()


def _lose_data(school: School) -> None:
    """Delete the data claim of a stopped base, and with it the volume."""
    folder, name = folder_of(school, "data"), f"{school.name}-data"
    uid = school.child("PersistentVolumeClaim", name)["metadata"]["uid"]
    school.kube.delete("PersistentVolumeClaim", name, school.namespace)

    def gone() -> bool:
        there = school.kube.get("PersistentVolumeClaim", name, school.namespace)
        return (there is None or there["metadata"]["uid"] != uid) and not folder.exists()

    wait_until(gone, 60, what="the data are gone", every=0.5)
