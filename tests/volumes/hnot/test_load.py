"""A packed base, its annexes and its users are put on a volume, once, each as a step that is told."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from pronote_operator.prepare.report import read_preparation
from tests.volumes.hnot.conftest import IDENTIFIED, PHOTOS, UAI, USERS, YEAR, Claim, base_content
from tests.volumes.prepare.killing import tree


def _lose(claim: Claim) -> None:
    shutil.rmtree(claim.upload)


def test_base_annexes_and_users_are_put_in_place_each_as_a_step(claim: Claim) -> None:
    claim.with_annex()
    claim.with_annex("deep/letters.HCOURRIERS", {"a/b/c.odt": b"Madame"}, "letters")
    claim.with_profils()
    assert claim.load() == 0, claim.said
    content = base_content(claim.upload)
    assert {path: entry.content for path, entry in tree(claim.year).items() if entry.content is not None} == {
        "base.sqlite": content,
        **{f"annexes/photos/{name}": photo for name, photo in PHOTOS.items()},
        "annexes/letters/a/b/c.odt": b"Madame",
        "new-users.json": (claim.year / "new-users.json").read_bytes(),
    }
    assert json.loads((claim.year / "new-users.json").read_text(encoding="utf-8")) == {
        "uai": UAI,
        "schoolYear": YEAR,
        "users": USERS,
    }
    assert {oct(entry.mode) for entry in tree(claim.root).values()} == {"0o700", "0o600"}
    assert claim.said["result"] == "Done"
    steps = ["hnot-base", "hnot-annexe:photos.HPHOTOS", "hnot-annexe:deep/letters.HCOURRIERS", "hnot-profils"]
    assert claim.events == [
        "identity 0750654D",
        *(f"{event} {step}" for step in steps for event in ("begin", "end")),
    ]
    assert read_preparation(str(claim.root))["source"] == {
        "kind": "hnot",
        "steps": [
            {"name": "hnot-base", "message": f"a base of {len(content)} bytes from base.HNOT"},
            {"name": "hnot-annexe:photos.HPHOTOS", "message": "3 files from photos.HPHOTOS"},
            {"name": "hnot-annexe:deep/letters.HCOURRIERS", "message": "1 file from deep/letters.HCOURRIERS"},
            {"name": "hnot-profils", "message": "2 users from users.profils"},
        ],
    }
    assert [path for path in tree(claim.root / ".prepare") if path.startswith("staging")] == []


def test_users_are_handed_over_with_their_espaces_and_identities(claim: Claim) -> None:
    claim.with_identified_users()
    assert claim.load() == 0, claim.said
    handed = json.loads((claim.year / "new-users.json").read_text(encoding="utf-8"))
    assert handed == {"uai": UAI, "schoolYear": YEAR, "users": IDENTIFIED}


def test_once_loaded_the_claim_is_not_needed_any_more(claim: Claim) -> None:
    claim.with_annex()
    claim.with_profils()
    assert claim.load() == 0
    (claim.year / "new-users.json").unlink()
    before = tree(claim.root)
    _lose(claim)
    assert claim.load() == 0
    assert claim.said["result"] == "Unchanged"
    assert tree(claim.root) == before


def test_a_base_that_is_there_is_kept_and_the_claim_not_looked_at(claim: Claim) -> None:
    claim.with_annex()
    claim.with_profils()
    _lose(claim)
    folder = claim.with_year(YEAR)
    before = tree(folder)
    assert claim.load() == 0
    assert claim.said["result"] == "Unchanged"
    assert tree(folder) == before


def test_a_volume_that_holds_another_year_is_left_alone(claim: Claim) -> None:
    claim.with_year(2024)
    before = tree(claim.root)
    assert claim.load() == 65
    assert claim.said["reason"] == "SchoolYearMissing"
    assert tree(claim.root) == before


def test_what_was_not_put_in_place_yet_still_needs_the_claim(claim: Claim) -> None:
    claim.with_annex()
    claim.with_profils()
    assert claim.load() == 0
    lines = claim.journal.read_text().splitlines(keepends=True)
    # As if it had been killed in the middle of the annexes.
    claim.journal.write_text("".join(lines[:4]))
    shutil.rmtree(claim.year / "annexes")
    (claim.year / "new-users.json").unlink()
    base = (claim.year / "base.sqlite").stat()
    aside = claim.upload.rename(claim.upload.with_name("aside"))
    assert claim.load() == 65
    assert claim.said["reason"] == "HnotMissing"
    aside.rename(claim.upload)
    (claim.upload / "base.HNOT").unlink()
    assert claim.load() == 0, claim.said
    assert (claim.year / "base.sqlite").stat().st_ino == base.st_ino, "the base is not loaded again"
    assert (claim.year / "annexes/photos/1A/moreau.jpg").read_bytes() == b"a face"
    assert (claim.year / "new-users.json").exists()
    assert claim.events[-4:] == [
        "begin hnot-annexe:photos.HPHOTOS",
        "end hnot-annexe:photos.HPHOTOS",
        "begin hnot-profils",
        "end hnot-profils",
    ]


def test_several_annex_files_of_a_kind_are_put_together(claim: Claim) -> None:
    claim.with_annex("one.HDOCJOINTS", {"a/1.pdf": b"1", "b.pdf": b"b"}, "documents")
    claim.with_annex("two.HDOCJOINTS", {"a/2.pdf": b"2"}, "documents")
    assert claim.load() == 0, claim.said
    assert sorted(tree(claim.year / "annexes/documents")) == ["a", "a/1.pdf", "a/2.pdf", "b.pdf"]


def test_an_annex_file_and_a_list_of_users_may_be_empty(claim: Claim) -> None:
    claim.with_annex(files={})
    claim.with_profils(lambda document: document["users"].clear())
    assert claim.load() == 0, claim.said
    assert json.loads((claim.year / "new-users.json").read_text())["users"] == []


def test_a_base_in_any_journal_mode_is_loaded_as_it_is(claim: Claim) -> None:
    path = claim.upload / "wal.sqlite"
    path.write_bytes(base_content(claim.upload))
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode = WAL")
    claim.with_base(content=path.read_bytes())
    assert claim.load() == 0, claim.said
    assert [entry.name for entry in claim.year.iterdir()] == ["base.sqlite"]


@pytest.mark.parametrize("left", ["staging-2026-hnot", "staging-2026-hnotagain"])
def test_what_a_killed_run_left_aside_is_removed_before_room_is_counted(claim: Claim, left: str) -> None:
    folder = claim.root / ".prepare" / left / "year"
    folder.mkdir(parents=True)
    (folder / "base.sqlite").write_bytes(b"half")
    assert claim.load() == 0, claim.said
    assert (claim.year / "base.sqlite").read_bytes() == base_content(claim.upload)
    assert not (claim.root / ".prepare" / left).exists()


def test_many_annexes_are_written_out_at_once(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(name: str) -> Callable[..., None]:
        call = getattr(os, name)

        def note(*args: int) -> None:
            asked.append(name)
            call(*args)

        return note

    for name in ("sync", "fsync"):
        monkeypatch.setattr(os, name, noted(name))
    claim.with_annex(files={f"{number}.jpg": b"x" for number in range(150)})
    assert claim.load() == 0, claim.said
    assert asked.count("sync") == 1
    assert asked[asked.index("sync") :].count("fsync") > 150, "each is asked afterwards whether it could be written"
    assert len(list((claim.year / "annexes/photos").iterdir())) == 150
