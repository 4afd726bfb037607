"""Files that are not taken over: the refusal names the file and says why, and the volume is as before."""

from __future__ import annotations

import os
import random
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.prepare import hnot_loading, hnot_zip
from pronote_operator.prepare.hnot_manifest import AnnexManifest
from pronote_operator.prepare.outcome import RefusedError
from tests.volumes.hnot.conftest import PHOTOS, UAI, Claim, base_content, described, write_zip
from tests.volumes.prepare.killing import tree

OTHER = "0210066H"


def refused(claim: Claim, reason: str, *told: str) -> None:
    """Check that the load is refused, says so, and leaves nothing on the volume."""
    before = tree(claim.root)
    assert claim.load() == 65, claim.said
    assert (claim.said["result"], claim.said["reason"]) == ("Refused", reason), claim.said
    for words in told:
        assert words in claim.said["message"]
    assert tree(claim.root) == before == {}


def entry(name: str, mode: int = 0, system: int = 3) -> zipfile.ZipInfo:
    """An entry of a zip with a file mode."""
    made = zipfile.ZipInfo(name)
    made.create_system = system
    made.external_attr = mode << 16
    made.compress_type = zipfile.ZIP_DEFLATED
    return made


def photos(claim: Claim, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    """An annex file whose manifest names what `entries` hold, with these entries as they are."""
    claim.annexes.append("photos.HPHOTOS")
    listed = {}
    for name, content in entries:
        text = name if isinstance(name, str) else name.filename
        listed[text.removeprefix("files/")] = content
    manifest = described(listed, format="pronote-annex/1", kind="photos")
    return write_zip(claim.upload / "photos.HPHOTOS", manifest, entries)


def replace(path: Path, old: bytes, new: bytes) -> None:
    """Change bytes of a file, wherever they are."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def set_flags(path: Path, name: bytes, flags: int) -> None:
    """Set the flags of a member, in its own head and in the directory."""
    content = bytearray(path.read_bytes())
    for signature, flag_at, name_at in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        at = content.find(signature)
        while content[at + name_at : at + name_at + len(name)] != name:
            at = content.find(signature, at + 1)
        struct.pack_into("<H", content, at + flag_at, flags)
    path.write_bytes(content)


def test_a_base_of_another_school(claim: Claim) -> None:
    claim.with_base(lambda manifest: manifest.update(uai=OTHER))
    refused(claim, "UaiMismatch", "base.HNOT", OTHER, UAI)


def test_a_base_that_is_not_of_the_school_that_its_manifest_names(claim: Claim) -> None:
    claim.with_base(content=base_content(claim.upload, uai=OTHER))
    refused(claim, "HnotInvalid", "base.HNOT", "base.sqlite", OTHER)


def test_a_base_of_another_year_says_how_to_keep_that_year(claim: Claim) -> None:
    claim.with_base(lambda manifest: manifest.update(schoolYear=2025))
    refused(claim, "SchoolYearMismatch", "base.HNOT", "2026", "set spec.schoolYear.pin to 2025")


def test_annexes_of_another_school_or_year(claim: Claim) -> None:
    claim.with_annex(edit=lambda manifest: manifest.update(uai=OTHER))
    refused(claim, "UaiMismatch", "photos.HPHOTOS", OTHER)
    claim.annexes.clear()
    claim.with_annex(edit=lambda manifest: manifest.update(schoolYear=2025))
    refused(claim, "SchoolYearMismatch", "photos.HPHOTOS", "2025")


def test_users_of_another_school(claim: Claim) -> None:
    claim.with_profils(lambda document: document.update(uai=OTHER))
    refused(claim, "UaiMismatch", "users.profils", OTHER)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "pronote-hnot/2"}, "format: Input should be 'pronote-hnot/1'"),
        ({"encryption": "none"}, "encryption: Extra inputs"),
        ({"uai": "750654D"}, "uai"),
        ({"schoolYear": "2026"}, "schoolYear"),
        ({"members": []}, "members"),
        ({"members": [{"name": "base.sqlite", "sha256": "0" * 64}]}, "members.0.sizeBytes"),
        ({"members": [{"name": "base.sqlite", "sha256": "0", "sizeBytes": 1}]}, "members.0.sha256"),
        ({"members": [{"name": "base.sqlite", "sha256": "0" * 64, "sizeBytes": -1}]}, "members.0.sizeBytes"),
        ({"members": [{"name": "base.sqlite", "sha256": "0" * 64, "sizeBytes": 4096}]}, "the size that the manifest"),
        ({"members": [{"name": "other.sqlite", "sha256": "0" * 64, "sizeBytes": 4096}]}, "is not in the manifest"),
    ],
)
def test_a_manifest_that_is_not_the_formats(claim: Claim, changes: dict[str, object], told: str) -> None:
    claim.with_base(lambda manifest: manifest.update(changes))
    refused(claim, "HnotInvalid", "base.HNOT", told)


@pytest.mark.parametrize("manifest", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"uai": "\\ud800"}'])
def test_a_manifest_that_is_no_document(claim: Claim, manifest: bytes) -> None:
    write_zip(claim.upload / "base.HNOT", manifest, [("base.sqlite", b"x")])
    refused(claim, "HnotInvalid", "base.HNOT")


def test_no_manifest(claim: Claim) -> None:
    write_zip(claim.upload / "base.HNOT", None, [("base.sqlite", b"x")])
    refused(claim, "HnotInvalid", "base.HNOT", "manifest.json")


def test_a_file_that_is_truncated_anywhere(claim: Claim) -> None:
    path = claim.upload / "base.HNOT"
    whole = path.read_bytes()
    for length in (0, 1, 21, 22, 100, len(whole) // 2, len(whole) - 22, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(claim, "HnotInvalid", "base.HNOT")


@pytest.mark.parametrize("change", [lambda whole: b"MZ" + whole, lambda whole: whole + b"\0", lambda _: b"\0" * 5000])
def test_a_file_with_something_before_or_behind_it(claim: Claim, change: Callable[[bytes], bytes]) -> None:
    path = claim.upload / "base.HNOT"
    path.write_bytes(change(path.read_bytes()))
    refused(claim, "HnotInvalid", "base.HNOT", "no zip file")


def test_a_flipped_byte_anywhere_is_found_or_harmless(claim: Claim) -> None:
    path = claim.with_annex(files={"a.jpg": random.Random(1).randbytes(300)})
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            with hnot_zip.opened(str(claim.upload), path.name, AnnexManifest) as packed:
                content: list[bytes] = []
                for member in packed.manifest.members:
                    packed.read(member, content.append)
        except RefusedError as refusal:
            assert refusal.message.startswith("photos.HPHOTOS")  # noqa: PT017 - most bytes refuse, some do not matter
        else:
            assert b"".join(content) == random.Random(1).randbytes(300)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../evil", "holds . or .."),
        ("a/../../evil", "holds . or .."),
        ("./a", "holds . or .."),
        ("/etc/evil", "is absolute"),
        ("C:/evil", "is absolute"),
        ("..\\evil", "backslash"),
        ("a\nb", "control character"),
        ("a//b", "empty or longer"),
        ("x" * 256, "empty or longer"),
        ("/".join("x" * 17), "16 parts"),
    ],
)
def test_names_that_lead_out_or_cannot_be_files(claim: Claim, name: str, told: str) -> None:
    photos(claim, (name, b"x"))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", told)
    claim.annexes.clear()
    claim.with_annex(files={"a.jpg": b"x"}, edit=lambda manifest: manifest["members"][0].update(name=name))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", told)


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (stat.S_IFLNK | 0o777, "is a link"),
        (stat.S_IFDIR | 0o755, "is a folder"),
        (stat.S_IFCHR | 0o600, "is no plain file"),
        (stat.S_IFIFO | 0o600, "is no plain file"),
        (stat.S_IFSOCK | 0o600, "is no plain file"),
    ],
)
def test_members_that_are_no_plain_files(claim: Claim, mode: int, told: str) -> None:
    photos(claim, (entry("files/a.jpg", mode), b"/etc/passwd"))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "files/a.jpg", told)
    claim.annexes.clear()
    manifest = described({"base.sqlite": b"/etc/passwd"}, format="pronote-hnot/1")
    write_zip(claim.upload / "base.HNOT", manifest, [(entry("base.sqlite", mode, system=0), b"/etc/passwd")])
    refused(claim, "HnotInvalid", "base.HNOT", told)


def test_a_folder_among_the_members(claim: Claim) -> None:
    photos(claim, ("files/a/", b""))
    refused(claim, "HnotInvalid", "photos.HPHOTOS")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice(claim: Claim) -> None:
    photos(claim, ("files/a.jpg", b"one"), ("files/a.jpg", b"two"))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "is there twice")
    claim.annexes.clear()
    claim.with_annex(edit=lambda manifest: manifest["members"].append(manifest["members"][0]))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "twice")


def test_a_member_more_or_one_less(claim: Claim) -> None:
    claim.with_annex(edit=lambda manifest: manifest["members"].pop())
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "is not in the manifest")
    claim.annexes.clear()
    extra = {"name": "b.jpg", "sha256": "0" * 64, "sizeBytes": 1}
    claim.with_annex(edit=lambda manifest: manifest["members"].append(extra))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "'files/b.jpg' of the manifest is missing")


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2001, 0x20])
def test_members_that_are_encrypted_or_patches(claim: Claim, flags: int) -> None:
    path = claim.with_annex(files={"a.jpg": b"x"})
    set_flags(path, b"files/a.jpg", flags)
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "encrypted" if flags != 0x20 else "patch")


def test_a_method_that_is_not_the_formats(claim: Claim) -> None:
    made = entry("files/a.jpg")
    made.compress_type = zipfile.ZIP_BZIP2
    photos(claim, (made, b"x" * 100))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "neither stored nor deflated")


def test_a_name_that_is_not_marked_as_utf8_or_ends_early(claim: Claim) -> None:
    path = claim.with_annex(files={"é.jpg": b"x"})
    set_flags(path, "files/é.jpg".encode(), 0)
    refused(claim, "HnotInvalid", "photos.HPHOTOS")
    claim.annexes.clear()
    path = claim.with_annex(files={"abcd.jpg": b"x"})
    replace(path, b"files/abcd.jpg", b"files/ab\0d.jpg")
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "null character")


def test_a_content_that_is_not_the_manifests(claim: Claim) -> None:
    wrong = {"sha256": "0" * 64}
    claim.with_annex(edit=lambda manifest: manifest["members"][1].update(wrong))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "1A/petit.jpg", "is not what the manifest says")
    claim.annexes.clear()
    claim.with_base(lambda manifest: manifest["members"][0].update(wrong))
    refused(claim, "HnotInvalid", "base.HNOT", "is not what the manifest says")


def test_a_bomb_of_one_member(claim: Claim) -> None:
    photos(claim, ("files/a.jpg", b"\0" * (40 << 20)))
    refused(claim, "HnotTooLarge", "photos.HPHOTOS", "out of proportion")


def test_a_bomb_of_many_members(claim: Claim) -> None:
    photos(claim, *((f"files/{number}", b"\0" * (1 << 20)) for number in range(40)))
    refused(claim, "HnotTooLarge", "photos.HPHOTOS", "out of proportion")


def test_a_bomb_that_lies_about_its_size(claim: Claim) -> None:
    path = photos(claim, ("files/a.jpg", b"\0" * (40 << 20)))
    size = struct.pack("<L", 40 << 20)
    manifest = described({"a.jpg": b"\0" * 1000}, format="pronote-annex/1", kind="photos")
    path = write_zip(path, manifest, [("files/a.jpg", b"\0" * (40 << 20))])
    replace(path, size, struct.pack("<L", 1000))
    written: list[int] = []
    with (
        pytest.raises(RefusedError, match=r"photos\.HPHOTOS is not valid"),
        hnot_zip.opened(str(claim.upload), "photos.HPHOTOS", AnnexManifest) as packed,
    ):
        packed.read(packed.manifest.members[0], lambda piece: written.append(len(piece)))
    assert sum(written) <= 1000
    refused(claim, "HnotInvalid", "photos.HPHOTOS")


def test_members_that_overlap(claim: Claim) -> None:
    path = claim.with_annex(files={"a": b"x" * 50, "b": b"x" * 50})
    content = bytearray(path.read_bytes())
    second = content.rfind(b"PK\1\2")
    first = content.rfind(b"PK\1\2", 0, second)
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    path.write_bytes(content)
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "overlaps")


def test_a_record_for_large_files_hidden_in_the_directory(claim: Claim) -> None:
    path = claim.upload / "base.HNOT"
    content = path.read_bytes()
    end = len(content) - 22
    count, size, offset = struct.unpack("<H2L", content[end + 10 : end + 20])
    hidden = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size + 20, offset, 0)
    path.write_bytes(content[:end] + hidden + tail)
    refused(claim, "HnotInvalid", "base.HNOT", "no zip file")


def test_more_files_than_are_allowed(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hnot_zip, "MAX_FILES", 2)
    claim.with_annex()
    refused(claim, "HnotTooLarge", "photos.HPHOTOS", "4 members")
    monkeypatch.undo()
    monkeypatch.setattr(hnot_loading, "MAX_ALL_FILES", 2)
    refused(claim, "HnotTooLarge", "photos.HPHOTOS", "more than 2 annexes")


def test_more_than_the_volume_has_room_for(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs(claim.root)
    values = list(room)
    values[4] = (hnot_loading.MARGIN_BYTES + 10_000) // room.f_frsize
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(values))
    refused(claim, "HnotTooLarge", "base.HNOT", "raise spec.storage.size")
    monkeypatch.undo()
    assert claim.load() == 0


def test_two_annex_files_with_the_same_file(claim: Claim) -> None:
    claim.with_annex("one.HPHOTOS", {"a": b"1"})
    claim.with_annex("two.HPHOTOS", {"a": b"2"})
    refused(claim, "HnotInvalid", "two.HPHOTOS", "one.HPHOTOS")


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b")])
def test_a_file_where_another_needs_a_folder(claim: Claim, names: tuple[str, str]) -> None:
    claim.with_annex(files=dict.fromkeys(names, b"x"))
    refused(claim, "HnotInvalid", "photos.HPHOTOS", "take the place")


def test_a_base_that_is_no_sqlite_file_or_is_damaged(claim: Claim) -> None:
    good = base_content(claim.upload)
    for content, told in (
        (b"", "no SQLite file"),
        (b"no base at all" * 100, "no SQLite file"),
        (good[:100], "base.sqlite"),
        (good[:4096], "base.sqlite"),
        (good[:4096] + b"\xff" * 4096 + good[8192:], "base.sqlite"),
    ):
        claim.with_base(content=content)
        refused(claim, "HnotInvalid", "base.HNOT", told)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "reason", "told"),
    [
        (lambda path: path.unlink(), "HnotMissing", "is not on the claim"),
        (lambda path: path.rename(path.with_name("real")) and path.symlink_to("real"), "HnotInvalid", "link"),
        (lambda path: path.unlink() or path.symlink_to("/etc/passwd"), "HnotInvalid", "link"),
        (lambda path: path.unlink() or path.mkdir(), "HnotInvalid", "no plain file"),
        (_pipe, "HnotInvalid", "no plain file"),
    ],
)
def test_files_of_the_claim_that_are_none(
    claim: Claim, spoil: Callable[[Path], object], reason: str, told: str
) -> None:
    for path in (claim.upload / "base.HNOT", claim.with_profils(), claim.with_annex()):
        content = path.read_bytes()
        spoil(path)
        refused(claim, reason, path.name, told)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        path.write_bytes(content)


def test_a_folder_of_the_claim_that_is_a_link(claim: Claim) -> None:
    outside = claim.root.parent / "outside"
    outside.mkdir()
    (claim.upload / "deep").symlink_to(outside)
    claim.with_annex("deep/photos.HPHOTOS")
    assert (outside / "photos.HPHOTOS").exists()
    refused(claim, "HnotInvalid", "deep/photos.HPHOTOS", "link")


def test_no_claim_at_all(claim: Claim) -> None:
    (claim.upload / "base.HNOT").unlink()
    claim.upload.rmdir()
    refused(claim, "HnotMissing", "base.HNOT", "not mounted")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "pronote-profils/3"}, "format"),
        ({"format": "pronote-profils/2"}, "users.0.espaces"),
        ({"more": 1}, "more: Extra inputs"),
        ({"users": [{"username": "a"}]}, "users.0.modes"),
    ],
)
def test_users_that_are_not_the_formats(claim: Claim, changes: dict[str, object], told: str) -> None:
    claim.with_profils(lambda document: document.update(changes))
    refused(claim, "HnotInvalid", "users.profils", told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"username": ""}, "users.0.username"),
        ({"username": " a"}, "users.0.username"),
        ({"username": "zoe\u0301"}, "two users have the same name"),
        ({"modes": []}, "users.0.modes"),
        ({"modes": ["eleve"]}, "users.0.modes.0"),
        ({"superadministrator": 1}, "users.0.superadministrator"),
        ({"passwordHash": "Secret-Horse-7"}, "users.0.passwordHash"),
        ({"passwordHash": "$argon2id$v=19$m=999999,t=2,p=1$" + "A" * 22 + "$" + "A" * 43}, "users.0.passwordHash"),
        ({"right": "all"}, "users.0.right"),
        ({"espaces": ["Professeurs"]}, "users.0.espaces: Extra inputs"),
        ({"identity": None}, "users.0.identity: Extra inputs"),
    ],
)
def test_a_user_that_is_not_valid(claim: Claim, changes: dict[str, object], told: str) -> None:
    claim.with_profils(lambda document: document["users"][0].update(changes))
    refused(claim, "HnotInvalid", "users.profils", told)
    assert "Secret" not in claim.said["message"]


PERSON = {"kind": "guardian", "lastName": "LEFÈVRE", "firstName": "Anne", "children": ["060000001AB"]}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"espaces": ["Famille"]}, "users.1.espaces.0"),
        ({"espaces": ["Parents"] * 10}, "users.1.espaces"),
        ({"espaces": []}, "users.1: a user needs a mode or an Espace"),
        ({"right": "all"}, "users.1.right: Extra inputs"),
        ({"identity": {}}, "users.1.identity.pronoteId"),
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX"}}, "users.1.identity.pronoteId"),
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX2", "row": 1}}, "users.1.identity.row: Extra inputs"),
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX2", "pupil": "Moreau"}}, "users.1.identity.pupil"),
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX2", "pupil": "060000002AB", "person": PERSON}}, "one person"),
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX1"}}, "the same PRONOTE identifier"),
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX2", "pupil": "060000001AB"}}, "the same pupil"),
        ({"casAccounts": [{"casUrl": "javascript:x", "user": "a"}]}, "users.1.casAccounts.0.casUrl"),
        ({"casAccounts": [{"casUrl": "https://a", "user": "a\nb"}]}, "users.1.casAccounts.0.user"),
        ({"casAccounts": [{"casUrl": "https://a", "user": "a"}] * 2}, "the same account of an ENT"),
        ({"casAccounts": [{"casUrl": "https://a", "user": f"a{number}"} for number in range(17)]}, "casAccounts"),
        ({"username": "DURAND"}, "the same name"),
    ],
)
def test_a_user_whose_identity_is_not_valid(claim: Claim, changes: dict[str, object], told: str) -> None:
    claim.with_identified_users(lambda document: document["users"][1].update(changes))
    refused(claim, "HnotInvalid", "identified.profils", told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "pupil"}, "users.1.identity.person.kind"),
        ({"kind": "staff"}, "only a guardian has children"),
        ({"lastName": ""}, "users.1.identity.person.lastName"),
        ({"firstName": "A\tB"}, "users.1.identity.person.firstName"),
        ({"firstName": "Anne "}, "users.1.identity.person.firstName"),
        ({"lastName": "Secret" * 20}, "users.1.identity.person.lastName"),
        ({"birthDate": "31/01/1985"}, "users.1.identity.person.birthDate"),
        ({"birthDate": "1985-02-30"}, "users.1.identity.person.birthDate"),
        ({"externalId": "x" * 257}, "users.1.identity.person.externalId"),
        ({"children": ["060000001AB"] * 51}, "users.1.identity.person.children"),
        ({"children": ["1"]}, "users.1.identity.person.children.0"),
        ({"postalCode": "75012"}, "users.1.identity.person.postalCode: Extra inputs"),
    ],
)
def test_a_person_that_is_not_valid(claim: Claim, changes: dict[str, object], told: str) -> None:
    claim.with_identified_users(lambda document: document["users"][1]["identity"]["person"].update(changes))
    refused(claim, "HnotInvalid", "identified.profils", told)
    assert "Secret" not in claim.said["message"]


def test_two_users_who_are_one_person_by_its_number(claim: Claim) -> None:
    def edit(document: dict[str, Any]) -> None:
        person = document["users"][0]["identity"]["person"]
        document["users"][3]["identity"] = {"pronoteId": "A8BT6EGHDW3QFPX9", "person": {**person, "lastName": "MARTIN"}}

    claim.with_identified_users(edit)
    refused(claim, "HnotInvalid", "identified.profils", "the same person")


def test_users_that_were_changed_after_the_export(claim: Claim) -> None:
    claim.with_profils(after=lambda document: document["users"][0].update(superadministrator=True))
    refused(claim, "HnotInvalid", "users.profils", "checksum")


def test_a_member_of_the_users_that_is_there_twice(claim: Claim) -> None:
    path = claim.with_profils()
    replace(path, b'"locked": true', b'"locked": false, "locked": true')
    refused(claim, "HnotInvalid", "users.profils", "checksum")


def test_users_that_are_too_many_bytes(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pronote_operator.prepare.hnot_profils.MAX_BYTES", 100)
    claim.with_profils()
    refused(claim, "HnotTooLarge", "users.profils")


def test_one_bad_file_keeps_the_good_ones_out_and_mending_it_is_enough(claim: Claim) -> None:
    claim.with_annex(files=PHOTOS)
    claim.with_profils(after=lambda document: document.update(sha256="0" * 64))
    refused(claim, "HnotInvalid", "users.profils")
    claim.with_profils()
    assert claim.load() == 0, claim.said
    assert sys.getsizeof(claim.said["message"]) < 4096


def _filled(filling: str, count: int) -> bytes:
    inner = "".join(filling.replace("#", str(number)) for number in range(count))
    return ("{" + inner + '"b":0}' if ":" in filling else '{"members":[' + inner + '0],"users":[0]}').encode()


LARGEST = (("[],", 160_000), ("{},", 160_000), ("0,", 640_000), ('"#",', 640_000), ('"a#":0,', 640_000))
"""Fillings, and how many of each the largest file of users could hold."""


@pytest.mark.parametrize("filling", ["[],", "{},", "0,", '"",', '"a":0,'])
def test_a_document_that_would_take_far_more_memory_than_it_has_bytes(claim: Claim, filling: str) -> None:
    _refused_in_little_memory(claim, _filled(filling, (12 << 20) // len(filling)))


@pytest.mark.parametrize("around", ["#", '{"users":[#]}', '{"users":[{"username":#}]}', '{"users":#}'])
@pytest.mark.parametrize(("filling", "count"), LARGEST)
def test_as_much_structure_as_the_largest_file_has_in_the_wrong_places(
    claim: Claim, filling: str, count: int, around: str
) -> None:
    _refused_in_little_memory(claim, around.encode().replace(b"#", _filled(filling, count - 10)))


def _refused_in_little_memory(claim: Claim, content: bytes) -> None:
    name = "base.HNOT"
    write_zip(claim.upload / name, content, [("base.sqlite", random.Random(1).randbytes(200_000))])
    (claim.upload / "users.profils").write_bytes(content)
    program = (
        "import sys; from pronote_operator.prepare import hnot_zip, hnot_profils, outcome, hnot_manifest\n"
        "def opened():\n"
        "    with hnot_zip.opened(sys.argv[1], 'base.HNOT', hnot_manifest.BaseManifest): pass\n"
        "def users(): hnot_profils.read_profils(sys.argv[1], 'users.profils')\n"
        "for read in (opened, users):\n"
        "    try: read()\n"
        "    except outcome.RefusedError as refusal: print(refusal.reason)\n"
        # Of this program alone: ru_maxrss begins with what the process that started it had.
        "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(claim.upload)], capture_output=True, text=True, check=True
    )
    *reasons, mebibytes = done.stdout.split()
    assert reasons == ["HnotInvalid", "HnotInvalid"]
    assert int(mebibytes) < 400, "the container may take 512 MiB"
