"""`pronote-server seed` and `user add`, as commands on a base."""

from __future__ import annotations

import base64
import csv
import json
import os
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pronote_server.config import BaseConfig
from pronote_server.espaces import Espace
from pronote_server.passwords import check_password, new_hasher
from pronote_server.storage import identities, users
from pronote_server.storage.connection import connect
from pronote_server.storage.create import ensure_base
from pronote_server.storage.identities import PersonKind
from pronote_server.web.sealing import Sealer

KEY = bytes(range(32))
PASSWORD = "Correct-Horse-9"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "years" / "2026"
    folder.mkdir(parents=True)
    wanted = {"kind": "empty", "uai": "0750654D", "schoolYear": 2026, "slotMinutes": 60}
    (folder / "new-base.json").write_text(json.dumps({**wanted, "dayStart": "08:00", "dayEnd": "18:00"}))
    ensure_base(BaseConfig(folder, 2026, "0750654D", "1"))
    net = tmp_path / "net"
    net.mkdir()
    (net / "verifier-key").write_bytes(base64.b64encode(KEY))
    return {
        **os.environ,
        "PRONOTE_DATA": str(tmp_path / "years"),
        "PRONOTE_SCHOOL_YEAR": "2026",
        "PRONOTE_UAI": "0750654D",
        "PRONOTE_NET": str(net),
    }


def _run(environment: dict[str, str], *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pronote_server.main import main; main()", *arguments]
    return subprocess.run(command, env=environment, input=text, capture_output=True, text=True, check=False)


def _base(environment: dict[str, str]) -> Path:
    return Path(environment["PRONOTE_DATA"]) / "2026" / "base.sqlite"


def test_a_seeded_base_has_accounts_that_work_and_is_not_seeded_twice(
    environment: dict[str, str], tmp_path: Path
) -> None:
    told = tmp_path / "accounts.csv"
    options = ["--pupils", "40", "--until", "2026-10-02", "--accounts", str(told), "--accounts-for", "2"]
    done = _run(environment, "seed", *options)
    assert done.returncode == 0, done.stderr
    assert "pupils\t40" in done.stdout
    assert stat.S_IMODE(told.stat().st_mode) == 0o600
    rows = list(csv.DictReader(told.open(encoding="utf-8")))
    assert {row["espace"] for row in rows} == {
        "Eleves",
        "Parents",
        "Professeurs",
        "VieScolaire",
        "Direction",
        "Accompagnants",
    }
    sealer = Sealer(KEY)
    with closing(connect(_base(environment))) as connection:
        for row in rows:
            user = users.find_user(connection, row["username"])
            assert user is not None
            assert check_password(new_hasher(), user.password_hash, row["password"])
            assert sealer.open(user.key, user.password_hash, user.verifier or b"") is not None
            who = identities.identity_of(connection, user.id)
            assert who is not None
            assert (who.display_name, who.espaces) == (row["displayName"], frozenset({Espace(row["espace"])}))
            assert bool(who.children) == (who.kind in (PersonKind.PUPIL, PersonKind.GUARDIAN))
    exported = _run(environment, "export-hnot", "--output", str(tmp_path / "out"), "--profils")
    assert exported.returncode == 0, exported.stderr
    profils = json.loads((tmp_path / "out" / "base.profils").read_text(encoding="utf-8"))
    assert {user["username"]: user["espaces"] for user in profils["users"]} == {
        row["username"]: [row["espace"]] for row in rows
    }
    assert all(user["identity"].keys() & {"pupil", "person"} for user in profils["users"])
    again = _run(environment, "seed", "--pupils", "40")
    assert (again.returncode, "holds pupils already" in again.stderr) == (64, True)


def test_a_file_of_accounts_that_is_there_is_kept_and_nothing_is_written(
    environment: dict[str, str], tmp_path: Path
) -> None:
    told = tmp_path / "accounts.csv"
    told.write_text("mine")
    done = _run(environment, "seed", "--pupils", "8", "--accounts", str(told), "--accounts-for", "1")
    assert done.returncode == 64
    assert told.read_text() == "mine"
    with closing(connect(_base(environment))) as connection:
        assert connection.execute("SELECT count(*) FROM pupils").fetchone() == (0,)
        assert users.list_users(connection) == []


def test_people_are_made_one_at_a_time(environment: dict[str, str], tmp_path: Path) -> None:
    pupils = tmp_path / "pupils.csv"
    pupils.write_text("nationalId,lastName,firstName,birthDate,class\n00000000001,PETIT,Ana,2014-05-31,6A\n")
    assert _run(environment, "pupil", "import", str(pupils)).returncode == 0
    for arguments in (
        ["ana", "--espace", "Eleves", "--pupil", "00000000001"],
        ["mere", "--espace", "Parents", "--child", "00000000001", "--last-name", "PETIT", "--first-name", "Zoé"],
        ["prof", "--mode", "enseignant", "--person", "teacher", "--last-name", "ROC", "--first-name", "Li"],
    ):
        done = _run(environment, "user", "add", *arguments, "--password-stdin", text=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr
    refusals = [
        (["x", "--espace", "Eleves", "--pupil", "00000000009"], "no pupil of that national number"),
        (["x", "--espace", "Eleves", "--pupil", "00000000001"], "has an account already"),
        (["x", "--espace", "Parents", "--child", "00000000001"], "last and first name"),
    ]
    for arguments, words in refusals:
        done = _run(environment, "user", "add", *arguments, "--password-stdin", text=PASSWORD + "\n")
        assert done.returncode == 64
        assert words in done.stderr
    with closing(connect(_base(environment))) as connection:
        found = [identities.identity_of(connection, user.id) for user in users.list_users(connection)]
        assert [(one.kind, [child.display_name for child in one.children]) for one in found if one] == [
            (PersonKind.PUPIL, ["PETIT Ana"]),
            (PersonKind.GUARDIAN, ["PETIT Ana"]),
            (PersonKind.TEACHER, []),
        ]
