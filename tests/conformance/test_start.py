"""Start: the base is made once, whole or not at all, and a folder without a base is an error that says so."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.harness import Server, Volume

EXIT_CONFIG = 78


def test_an_empty_base_is_made_and_its_request_removed(new_server: Callable[..., Server], volume: Volume) -> None:
    server = new_server()
    server.start()
    assert (volume.year_folder / "base.sqlite").exists()
    assert not (volume.year_folder / "new-base.json").exists()


def test_a_base_survives_a_restart_and_an_old_request_does_not_replace_it(
    new_server: Callable[..., Server], volume: Volume
) -> None:
    server = new_server()
    server.start()
    assert server.stop() == 0
    inode = (volume.year_folder / "base.sqlite").stat().st_ino
    volume.request_base()
    again = new_server()
    again.start()
    assert (volume.year_folder / "base.sqlite").stat().st_ino == inode
    assert not (volume.year_folder / "new-base.json").exists()


def test_a_folder_with_neither_base_nor_request_exits_78_and_says_so(
    new_server: Callable[..., Server], volume: Volume
) -> None:
    (volume.year_folder / "new-base.json").unlink()
    server = new_server()
    server.launch()
    assert server.end() == EXIT_CONFIG
    assert "new-base.json" in server.log


def test_a_missing_folder_of_the_year_exits_78(new_server: Callable[..., Server]) -> None:
    server = new_server(PRONOTE_SCHOOL_YEAR="2031")
    server.launch()
    assert server.end() == EXIT_CONFIG
    assert server.log.strip()


@pytest.mark.parametrize("change", [{"uai": "0210066H"}, {"schoolYear": 2025}, {"kind": "full"}, {"slotMinutes": 0}])
def test_a_request_for_another_base_or_a_malformed_one_exits_78_and_makes_nothing(
    new_server: Callable[..., Server], volume: Volume, change: dict[str, object]
) -> None:
    path = volume.year_folder / "new-base.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    server = new_server()
    server.launch()
    assert server.end() == EXIT_CONFIG
    assert not (volume.year_folder / "base.sqlite").exists()
    assert path.exists()


def test_a_base_of_another_school_exits_78(new_server: Callable[..., Server]) -> None:
    first = new_server()
    first.start()
    assert first.stop() == 0
    other = new_server(PRONOTE_UAI="0210066H")
    other.launch()
    assert other.end() == EXIT_CONFIG


def test_killed_at_any_moment_of_its_first_start_it_starts_the_next_time(
    new_server: Callable[..., Server], volume: Volume
) -> None:
    for delay in (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
        (volume.year_folder / "base.sqlite").unlink(missing_ok=True)
        volume.request_base()
        victim = new_server()
        victim.launch()
        time.sleep(delay)
        victim.running.send_signal(signal.SIGKILL)
        victim.running.wait()
        survivor = new_server()
        survivor.start()
        assert survivor.stop() == 0
        assert not (volume.year_folder / "new-base.json").exists()


def test_a_second_server_on_the_same_base_does_not_serve(new_server: Callable[..., Server]) -> None:
    first, second = new_server(), new_server()
    first.start()
    second.launch()
    assert second.end() != 0
    assert first.is_ready()
