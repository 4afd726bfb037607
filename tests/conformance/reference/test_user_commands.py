"""`pronote-server user …` and wrong usage of the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.harness import Server

PASSWORD = "Bonjour-Monde-42"


def _run(server: Server, *words: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("pronote-server")
    return subprocess.run(
        [program, *words], env=server.environment, input=f"{password}\n", text=True, capture_output=True, check=False
    )


def test_users_are_added_listed_and_deleted_while_the_server_runs(running: Server) -> None:
    add = ("user", "add", "--password-stdin")
    assert _run(running, *add, "--mode", "enseignant", "Zoé").returncode == 0
    assert (
        _run(running, *add, "--mode", "administratif", "--mode", "vie-scolaire", "--superadmin", "adam").returncode == 0
    )
    assert _run(running, "user", "lock", "ADAM").returncode == 0
    assert _run(running, "user", "list").stdout == (
        "adam\tadministratif,vie-scolaire\tsuperadministrator,locked\nZoé\tenseignant\t\n"
    )
    # The same name, written with a combining accent as some keyboards do.
    assert _run(running, "user", "delete", "zoe\u0301").returncode == 0
    assert "Zoé" not in _run(running, "user", "list").stdout


def test_what_cannot_be_done_is_64_and_says_why(running: Server) -> None:
    add = ("user", "add", "--password-stdin", "--mode", "enseignant")
    assert _run(running, *add, "durand").returncode == 0
    for words, password, why in (
        ((*add, "DURAND"), PASSWORD, "already"),
        ((*add, "martin"), "short", "fewer than 12"),
        ((*add, "martin"), "Martin-Durand-42", "contains the user name"),
        ((*add, "a" * 65), PASSWORD, "1 to 64"),
        (("user", "delete", "nobody"), "", "no such user"),
        (("user", "unlock", "nobody"), "", "no such user"),
    ):
        done = _run(running, *words, password=password)
        assert (done.returncode, done.stdout) == (64, "")
        assert why in done.stderr
        assert PASSWORD not in done.stderr


def test_without_a_base_it_is_78(running: Server) -> None:
    running.extra["PRONOTE_SCHOOL_YEAR"] = "2031"
    assert _run(running, "user", "list").returncode == 78


@pytest.mark.parametrize("words", [("user", "add", "x"), ("user", "add", "x", "--mode", "eleve"), ("start",)])
def test_wrong_usage_is_2(server: Server, words: tuple[str, ...]) -> None:
    assert _run(server, *words).returncode == 2


def test_help_names_the_exit_codes(server: Server) -> None:
    done = _run(server, "--help")
    assert done.returncode == 0
    assert "Exit codes" in done.stdout
