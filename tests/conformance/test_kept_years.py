"""Bases of other school years on the volume: a server serves its own year, and leaves the others as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.harness import Server, Volume


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _with_other_years(volume: Volume) -> dict[str, dict[str, bytes]]:
    years = volume.year_folder.parent
    past = years / "2025"
    (past / "annexes").mkdir(parents=True)
    (past / "base.sqlite").write_bytes(b"not looked into")
    (past / "annexes" / "1.jpg").write_bytes(b"a photo")
    coming = years / "2027"
    coming.mkdir()
    (coming / "new-base.json").write_text('{"kind": "empty"}', encoding="utf-8")
    return {folder.name: _content(folder) for folder in (past, coming)}


def test_folders_of_other_years_are_neither_served_nor_changed(
    new_server: Callable[..., Server], volume: Volume
) -> None:
    before = _with_other_years(volume)
    server = new_server()
    server.start()
    assert server.admin("GET", "/v1/info").json["schoolYear"] == 2026
    assert server.stop() == 0
    years = volume.year_folder.parent
    assert {name: _content(years / name) for name in before} == before


def test_a_checkpoint_is_of_the_year_in_service(new_server: Callable[..., Server], volume: Volume) -> None:
    _with_other_years(volume)
    server = new_server()
    server.start()
    assert server.admin("POST", "/v1/checkpoint").json["schoolYear"] == 2026


def test_a_base_becomes_a_kept_one_and_its_year_is_served_again_when_asked(
    new_server: Callable[..., Server], volume: Volume
) -> None:
    first = new_server()
    first.start()
    assert first.stop() == 0
    before = (volume.year_folder / "base.sqlite").read_bytes()
    volume.request_base(2027)
    coming = new_server(PRONOTE_SCHOOL_YEAR="2027")
    coming.start()
    assert coming.admin("GET", "/v1/info").json["schoolYear"] == 2027
    assert coming.stop() == 0
    assert (volume.year_folder / "base.sqlite").read_bytes() == before
    again = new_server()
    again.start()
    assert again.admin("GET", "/v1/info").json["schoolYear"] == 2026
