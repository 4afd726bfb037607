"""The turn of the school year on a volume: what is made, kept and removed, and when it is refused."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.volumes.prepare.conftest import PLAN, Volume
from tests.volumes.prepare.killing import tree

UAI = "0750654D"
COMING = {**PLAN, "schoolYear": 2026, "newYear": {"from": 2025}}
"""The plan after the turn from 2025 to 2026."""


def write_base_with_grid(
    path: Path,
    school_year: int,
    grid: tuple[object, ...] = (55, "08:15", "17:30"),
    *,
    uai: str = UAI,
    log: bool = False,
) -> None:
    """A base as the reference server makes it, as far as its grid and its pupils go.

    Args:
        log: all of it is in its log only, as when a server was killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name("being-made")
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA wal_autocheckpoint = 0")
        base.execute(
            "CREATE TABLE base (id INTEGER PRIMARY KEY, uai TEXT, school_year INTEGER, "
            "slot_minutes, day_start, day_end)"
        )
        base.execute("CREATE TABLE pupils (id INTEGER PRIMARY KEY)")
        base.execute("INSERT INTO base VALUES (1, ?, ?, ?, ?, ?)", (uai, school_year, *grid))
        if log:
            shutil.copyfile(f"{made}-wal", f"{path}-wal")
        else:
            base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(made, path)
    made.unlink()


def served(volume: Volume, school_year: int = 2025, **options: Any) -> Path:
    """Put the base of a year in service, by prepare and as a server would make it; return its folder."""
    assert volume.prepare(schoolYear=school_year) == 0
    folder = volume.root / f"years/{school_year}"
    (folder / "new-base.json").unlink()
    write_base_with_grid(folder / "base.sqlite", school_year, **options)
    return folder


def asked(volume: Volume, school_year: int = 2026) -> dict[str, Any]:
    """The request for an empty base in the folder of a year."""
    found: dict[str, Any] = json.loads((volume.root / f"years/{school_year}/new-base.json").read_text())
    return found


def years(volume: Volume) -> list[str]:
    """The years on a volume."""
    return sorted(path.name for path in (volume.root / "years").iterdir())


def test_the_base_of_the_coming_year_is_made_beside_the_passing_one_with_its_grid(volume: Volume) -> None:
    passing = served(volume)
    before = tree(passing)
    assert volume.prepare(COMING) == 0
    assert volume.said == {
        "result": "Done",
        "reason": "Prepared",
        "message": "school year 2026 is prepared (new-year-2026, turn-2026)",
        "schoolYear": 2026,
    }
    assert asked(volume) == {
        "kind": "empty",
        "uai": UAI,
        "schoolYear": 2026,
        "slotMinutes": 55,
        "dayStart": "08:15",
        "dayEnd": "17:30",
    }
    assert tree(passing) == before
    assert volume.events[3:] == ["begin new-year-2026", "end new-year-2026", "begin turn-2026", "end turn-2026"]
    assert "55 minutes from 08:15 to 17:30" in volume.journal.read_text()
    end = tree(volume.root)
    assert volume.prepare(COMING) == 0
    assert volume.said["result"] == "Unchanged"
    assert tree(volume.root) == end


def test_without_new_year_a_missing_year_is_refused_as_ever(volume: Volume) -> None:
    served(volume)
    assert volume.prepare(schoolYear=2026) == 65
    assert volume.said["reason"] == "SchoolYearMissing"


def test_the_grid_of_a_base_that_is_in_its_log_only_is_read_and_nothing_is_left_of_it(volume: Volume) -> None:
    passing = served(volume, log=True)
    before = tree(passing)
    assert volume.prepare(COMING) == 0
    assert asked(volume)["slotMinutes"] == 55
    assert tree(passing) == before
    assert sorted(path.name for path in (volume.root / ".prepare").iterdir()) == ["journal.jsonl", "reserve"]


def test_the_grid_of_a_base_that_no_server_has_made_yet_is_that_of_its_request(volume: Volume) -> None:
    volume.prepare(schoolYear=2025, source={"empty": {"slotMinutes": 45, "dayStart": "07:00", "dayEnd": "12:00"}})
    assert volume.prepare(COMING) == 0
    assert (asked(volume)["slotMinutes"], asked(volume)["dayEnd"]) == (45, "12:00")


@pytest.mark.parametrize("grid", [(0, "08:00", "18:00"), ("an hour", "08:00", "18:00"), (60, "18:00", "08:00")])
def test_a_base_with_a_grid_that_none_can_have_gives_the_usual_one(volume: Volume, grid: tuple[object, ...]) -> None:
    served(volume, grid=grid)
    assert volume.prepare(COMING) == 0
    assert (asked(volume)["slotMinutes"], asked(volume)["dayStart"], asked(volume)["dayEnd"]) == (60, "08:00", "18:00")


def test_a_base_with_a_schema_of_its_own_gives_the_usual_grid(volume: Volume) -> None:
    passing = served(volume)
    (passing / "base.sqlite").unlink()
    with contextlib.closing(sqlite3.connect(passing / "base.sqlite")) as base, base:
        base.execute("CREATE VIEW base AS SELECT 1 AS slot_minutes, 2 AS day_start, 3 AS day_end")
    assert volume.prepare(COMING) == 0
    assert asked(volume)["slotMinutes"] == 60


def test_a_prepared_base_and_one_that_is_there_already_are_kept(volume: Volume) -> None:
    served(volume)
    write_base_with_grid(volume.root / "years/2026/base.sqlite", 2026)
    before = tree(volume.root / "years")
    assert volume.prepare(COMING) == 0
    assert tree(volume.root / "years") == before
    assert volume.events[3:] == ["begin turn-2026", "end turn-2026"]


def test_the_very_first_base_of_a_volume_is_made_by_the_source(volume: Volume) -> None:
    assert volume.prepare(COMING) == 0
    assert asked(volume)["slotMinutes"] == 60
    assert volume.events == ["identity 0750654D", "begin empty-2026", "end empty-2026"]


def refused_untouched(volume: Volume, plan: dict[str, Any] = COMING) -> tuple[str, str]:
    """Reason and message of a refusal that wrote nothing."""
    before = tree(volume.root)
    assert volume.prepare(plan) == 65
    assert volume.said["result"] == "Refused"
    assert tree(volume.root) == before
    return volume.said["reason"], volume.said["message"]


def test_a_passing_year_that_is_not_on_the_volume_is_refused(volume: Volume) -> None:
    served(volume, 2024)
    reason, message = refused_untouched(volume)
    assert reason == "SchoolYearMissing"
    assert "2026 is to be made beside 2025" in message
    assert "years present: 2024" in message


def test_a_volume_that_lost_its_bases_is_refused(volume: Volume) -> None:
    shutil.rmtree(served(volume))
    reason, message = refused_untouched(volume)
    assert reason == "SchoolYearMissing"
    assert "a base was made for: 2025" in message


def test_a_new_base_that_was_in_service_and_is_lost_is_not_made_again(volume: Volume) -> None:
    served(volume)
    volume.prepare(COMING)
    shutil.rmtree(volume.root / "years/2026")
    reason, message = refused_untouched(volume)
    assert reason == "SchoolYearMissing"
    assert "a base was made for: 2025, 2026" in message


@pytest.mark.parametrize("year", [2025, 2026])
def test_a_folder_without_a_base_is_refused(volume: Volume, year: int) -> None:
    if year == 2026:
        served(volume)
    else:
        served(volume, 2024)
    volume.with_year(year, "base.sqlite-wal")
    reason, message = refused_untouched(volume)
    assert reason == "SchoolYearDamaged"
    assert "base.sqlite-wal" in message


def test_a_passing_base_that_cannot_be_read_is_refused(volume: Volume) -> None:
    (served(volume) / "base.sqlite").write_bytes(b"this is no base" * 1000)
    reason, message = refused_untouched(volume)
    assert reason == "SchoolYearDamaged"
    assert "2025" in message


def test_a_passing_base_of_another_school_is_refused(volume: Volume) -> None:
    passing = served(volume)
    (passing / "base.sqlite").unlink()
    write_base_with_grid(passing / "base.sqlite", 2025, uai="0210066H")
    reason, message = refused_untouched(volume)
    assert reason == "SchoolYearDamaged"
    assert "0210066H" in message


def test_a_request_that_cannot_be_read_is_refused(volume: Volume) -> None:
    volume.prepare(schoolYear=2025)
    (volume.root / "years/2025/new-base.json").write_text("{")
    assert refused_untouched(volume)[0] == "SchoolYearDamaged"


def test_bases_older_than_the_passing_one_are_removed_at_the_turn(volume: Volume) -> None:
    served(volume)
    for year in (2023, 2024):
        write_base_with_grid(volume.root / f"years/{year}/base.sqlite", year)
    (volume.root / ".prepare/put-away-2024").mkdir()
    (volume.root / ".prepare/put-away-2025").mkdir()
    (volume.root / "years/notes").mkdir()
    assert volume.prepare(COMING) == 0
    assert years(volume) == ["2025", "2026", "notes"]
    assert (volume.root / ".prepare/put-away-2025").exists()
    assert not (volume.root / ".prepare/put-away-2024").exists()
    assert "2025 is kept; removed: 2023, 2024" in volume.journal.read_text()


def test_nothing_older_is_removed_unless_the_passing_base_remains(volume: Volume) -> None:
    served(volume, 2024)
    write_base_with_grid(volume.root / "years/2026/base.sqlite", 2026)
    assert volume.prepare(COMING) == 0
    assert years(volume) == ["2024", "2026"]
    assert "nothing older was removed" in volume.journal.read_text()


def test_nothing_older_is_removed_when_the_turn_is_refused(volume: Volume) -> None:
    served(volume)
    write_base_with_grid(volume.root / "years/2024/base.sqlite", 2024)
    volume.with_year(2026, "base.sqlite-wal")
    refused_untouched(volume)
    assert years(volume) == ["2024", "2025", "2026"]


def test_a_past_year_that_comes_back_after_the_turn_stays(volume: Volume) -> None:
    served(volume)
    volume.prepare(COMING)
    write_base_with_grid(volume.root / "years/2023/base.sqlite", 2023)
    assert volume.prepare(COMING) == 0
    assert volume.said["result"] == "Unchanged"
    assert years(volume) == ["2023", "2025", "2026"]


def test_a_past_year_may_be_pinned_and_let_go_and_the_new_one_is_as_it_was(volume: Volume) -> None:
    served(volume)
    volume.prepare(COMING)
    before = tree(volume.root / "years")
    for plan in ({**PLAN, "schoolYear": 2025}, COMING, {**PLAN, "schoolYear": 2025}, COMING):
        assert volume.prepare(plan) == 0
        assert tree(volume.root / "years") == before
    assert volume.events[7:] == [
        f"{event} year-{year}-{number}"
        for number, year in enumerate((2025, 2026, 2025, 2026), start=1)
        for event in ("begin", "end")
    ]


def test_the_next_turn_keeps_the_base_that_was_new_the_year_before(volume: Volume) -> None:
    served(volume)
    volume.prepare(COMING)
    (volume.root / "years/2026/new-base.json").unlink()
    write_base_with_grid(volume.root / "years/2026/base.sqlite", 2026, (50, "08:00", "18:00"))
    assert volume.prepare({**PLAN, "schoolYear": 2027, "newYear": {"from": 2026}}) == 0
    assert years(volume) == ["2026", "2027"]
    assert asked(volume, 2027)["slotMinutes"] == 50
