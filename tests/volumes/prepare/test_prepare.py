"""What prepare makes of a volume, and when it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pronote_operator.prepare.volume import Layout, lock
from tests.volumes.prepare.conftest import PLAN, Volume
from tests.volumes.prepare.killing import tree


def test_an_empty_volume_gets_its_folders_and_an_empty_base(volume: Volume) -> None:
    assert volume.prepare() == 0
    assert volume.said == {
        "result": "Done",
        "reason": "Prepared",
        "message": "school year 2026 is prepared (empty-2026)",
        "schoolYear": 2026,
    }
    assert {path: oct(entry.mode) for path, entry in tree(volume.root).items()} == {
        ".prepare": "0o700",
        ".prepare/journal.jsonl": "0o600",
        ".prepare/reserve": "0o600",
        "checkpoints": "0o700",
        "years": "0o700",
        "years/2026": "0o700",
        "years/2026/new-base.json": "0o600",
    }
    assert json.loads((volume.root / "years/2026/new-base.json").read_text()) == {
        "kind": "empty",
        "uai": "0750654D",
        "schoolYear": 2026,
        "slotMinutes": 60,
        "dayStart": "08:00",
        "dayEnd": "18:00",
    }
    assert volume.events == ["identity 0750654D", "begin empty-2026", "end empty-2026"]


@pytest.mark.parametrize("file", ["base.sqlite", "new-base.json"])
def test_a_year_that_has_a_base_is_left_as_it_is(volume: Volume, file: str) -> None:
    folder = volume.with_year(2026, file)
    before = tree(folder)
    assert volume.prepare() == 0
    assert volume.said["result"] == "Unchanged"
    assert tree(folder) == before
    assert volume.events == ["identity 0750654D"]


def test_a_second_run_writes_nothing(volume: Volume) -> None:
    volume.prepare()
    before = tree(volume.root)
    assert volume.prepare() == 0
    assert volume.said["result"] == "Unchanged"
    assert tree(volume.root) == before


def test_a_volume_of_another_school_is_refused_untouched(volume: Volume) -> None:
    volume.prepare()
    (volume.root / "checkpoints/stale").mkdir()
    before = tree(volume.root)
    assert volume.prepare(uai="0210066H") == 65
    assert (volume.said["result"], volume.said["reason"]) == ("Refused", "UaiMismatch")
    assert "0750654D" in volume.said["message"]
    assert "0210066H" in volume.said["message"]
    assert tree(volume.root) == before


def test_the_request_for_an_empty_base_also_tells_whose_the_volume_is(volume: Volume) -> None:
    volume.prepare()
    volume.journal.unlink()
    assert volume.prepare(uai="0210066H") == 65
    assert volume.said["reason"] == "UaiMismatch"


def test_a_kept_volume_serves_a_base_of_another_name(volume: Volume) -> None:
    volume.prepare()
    assert volume.prepare(namespace="colleges", name="moulin") == 0
    assert volume.said["result"] == "Unchanged"


def test_no_second_empty_base_beside_other_years(volume: Volume) -> None:
    volume.with_year(2024)
    volume.with_year(2025)
    before = tree(volume.root)
    assert volume.prepare() == 65
    assert volume.said["reason"] == "SchoolYearMissing"
    assert "years present: 2024, 2025" in volume.said["message"]
    assert tree(volume.root) == before


def test_no_empty_base_in_place_of_one_that_was_lost(volume: Volume) -> None:
    volume.prepare()
    for path in (volume.root / "years/2026/new-base.json", volume.root / "years/2026"):
        path.unlink() if path.is_file() else path.rmdir()
    assert volume.prepare() == 65
    assert volume.said["reason"] == "SchoolYearMissing"
    assert "years present: none" in volume.said["message"]
    assert "was made for: 2026" in volume.said["message"]


def test_a_year_folder_without_a_base_is_never_made_over(volume: Volume) -> None:
    volume.with_year(2026, "base.sqlite-wal")
    assert volume.prepare() == 65
    assert volume.said["reason"] == "SchoolYearDamaged"
    assert "base.sqlite-wal" in volume.said["message"]


def test_an_empty_year_folder_counts_as_none(volume: Volume) -> None:
    for year in ("2025", "2026"):
        (volume.root / "years" / year).mkdir(parents=True)
    assert volume.prepare() == 0
    assert volume.said["result"] == "Done"
    assert (volume.root / "years/2026/new-base.json").is_file()


def test_what_is_no_year_is_left_alone(volume: Volume) -> None:
    (volume.root / "lost+found").mkdir()
    (volume.root / "years/old").mkdir(parents=True)
    (volume.root / "years/old/note.txt").write_text("kept")
    assert volume.prepare() == 0
    assert (volume.root / "years/old/note.txt").read_text() == "kept"


def test_checkpoints_of_a_killed_snapshot_are_removed_and_links_in_them_not_followed(volume: Volume) -> None:
    volume.prepare()
    outside = volume.root.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    stale = volume.root / "checkpoints/sauvegarde-20261124T0800Z/deep"
    stale.mkdir(parents=True)
    (stale / "base.sqlite").write_text("copy")
    (stale / "link").symlink_to(outside)
    (volume.root / "checkpoints/link").symlink_to(outside)
    assert volume.prepare() == 0
    assert volume.said["result"] == "Unchanged"
    assert list((volume.root / "checkpoints").iterdir()) == []
    assert (outside / "file").read_text() == "kept"
    assert volume.events[-1] == "sweep checkpoints/link,checkpoints/sauvegarde-20261124T0800Z"


def test_leftovers_are_known_by_their_name_only(volume: Volume) -> None:
    own = volume.root / ".prepare"
    for name in ("staging-2026", "staging-2025-annexes", "safety-2026", "replaced-2025", "staging-x", "other"):
        (own / name).mkdir(parents=True)
        (own / name / "new-base.json").write_text("half")
    assert volume.prepare() == 0
    assert sorted(path.name for path in own.iterdir()) == ["journal.jsonl", "other", "reserve", "staging-x"]


def test_a_torn_last_line_is_cut_off(volume: Volume) -> None:
    volume.prepare()
    whole = volume.journal.read_bytes()
    for torn in (whole[:-9], whole[:-1], whole + b'{"v":1,"ti', whole[:-9] + b"\0" * 8 + b"\n"):
        volume.journal.write_bytes(torn)
        assert volume.prepare() == 0
        assert volume.events == ["identity 0750654D", "begin empty-2026", "end empty-2026"]


@pytest.mark.parametrize("line", [b"garbage", b'{"v":2,"event":"identity"}', b'{"v":1,"event":"other"}', b"{}", b"[]"])
def test_a_journal_damaged_before_its_end_is_not_guessed_at(volume: Volume, line: bytes) -> None:
    volume.prepare()
    lines = volume.journal.read_bytes().splitlines()
    lines[1] = line
    volume.journal.write_bytes(b"\n".join(lines) + b"\n")
    before = tree(volume.root)
    assert volume.prepare() == 65
    assert volume.said["reason"] == "JournalDamaged"
    assert "line 2" in volume.said["message"]
    assert tree(volume.root) == before


def test_a_missing_volume_may_come_later(volume: Volume) -> None:
    volume.root.rmdir()
    assert volume.prepare() == 74
    assert (volume.said["result"], volume.said["reason"]) == ("Failed", "VolumeMissing")


def test_a_file_in_place_of_a_folder_is_told(volume: Volume) -> None:
    (volume.root / "years").write_text("")
    assert volume.prepare() == 74
    assert volume.said["reason"] == "VolumeDamaged"


def test_a_second_prepare_at_the_same_time_waits_for_its_next_try(volume: Volume) -> None:
    held = lock(Layout(str(volume.root)))
    try:
        assert volume.prepare() == 74
        assert volume.said["reason"] == "VolumeBusy"
    finally:
        os.close(held)
    assert volume.prepare() == 0


def test_the_termination_message_fits_in_what_the_kubelet_reads(volume: Volume) -> None:
    members = {f"é{number:04}" * 10: 1 for number in range(500)}
    assert volume.prepare(json.dumps({**PLAN, **members})) == 65
    assert len(volume.termination.read_bytes()) <= 4096
    assert volume.said["reason"] == "UnknownStep"


def test_the_command_says_in_one_json_line_what_it_did(volume: Volume) -> None:
    command = [sys.executable, "-m", "pronote_operator.prepare.main"]
    environment = {**os.environ, **volume.environment(PLAN), "PRONOTE_TERMINATION_LOG": "/proc/no/such/file"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert (first["result"], first["uai"], first["namespace"]) == ("Done", "0750654D", "schools")
    assert second["severity"] == "WARNING"
    assert done.stdout == ""


def test_prepare_starts_without_the_libraries_of_the_operator() -> None:
    code = (
        "import sys, pronote_operator.prepare.main, pronote_operator.prepare.run;"
        "print(*(name for name in ('kopf', 'kubernetes', 'aiohttp', 'asyncio', 'logging') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_volume_is_private_whatever_the_umask(volume: Volume) -> None:
    previous = os.umask(0)
    try:
        volume.prepare()
    finally:
        os.umask(previous)
    assert all(entry.mode in (0o700, 0o600) for entry in tree(volume.root).values())
