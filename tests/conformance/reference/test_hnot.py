"""A base leaves one host as packed files and is taken into service by another: nobody and nothing is lost."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.harness import SUPERADMIN, UAI, YEAR, Server, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "Bonjour-Monde-42"
PUPILS = "nationalId;lastName;firstName;birthDate;class\n060000001AB;Moreau;Zoé;2014-05-31;6A\n"
ABSENCE = {"pupil": 1, "startTime": "2026-11-24T08:00:00Z", "minutes": 55, "reason": "Maladie"}
ANNEXES = {"photos/6A/moreau.jpg": b"a face", "letters/été.odt": b"Madame", "documents/a/b/c.pdf": b"%PDF" * 5000}


def _run(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("pronote-server")
    return subprocess.run([program, *words], env=server.environment, text=True, capture_output=True, check=False)


def _export(server: Server, output: Path, *options: str) -> list[str]:
    done = _run(server, "export-hnot", "--output", str(output), *options)
    assert done.returncode == 0, done.stderr
    return [Path(line).name for line in done.stdout.splitlines()]


def _fill(server: Server, add_user: Callable[..., None], user_command: Callable[..., None]) -> None:
    add_user(server, "Durand", PASSWORD, "--mode", "enseignant", "--mode", "vie-scolaire")
    add_user(server, "adjointe", PASSWORD, "--mode", "administratif", "--superadmin")
    add_user(server, "parti", PASSWORD, "--mode", "enseignant")
    user_command(server, "lock", "parti")
    file = server.volume.root / "pupils.csv"
    file.write_text(PUPILS, encoding="utf-8")
    assert _run(server, "pupil", "import", str(file)).returncode == 0
    session = server.log_in("durand", PASSWORD, "vie-scolaire").json["session"]
    assert server.client("POST", "/client/v1/absences", ABSENCE, session).status == 201
    for name, content in ANNEXES.items():
        path = server.volume.year_folder / "annexes" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)


def _prepare(volume: Volume, upload: Path, source: dict[str, Any]) -> dict[str, Any]:
    """Run prepare on the volume of a new host, as the operator does."""
    plan = {
        "plan": "v1",
        "namespace": "schools",
        "name": "jean-moulin",
        "uai": UAI,
        "schoolYear": YEAR,
        "source": {"hnot": {"claimName": "upload", **source}},
    }
    said = volume.root / "termination"
    environment = {
        **Server("", volume).environment,
        "PRONOTE_DATA_PLAN": json.dumps(plan),
        "PRONOTE_VOLUME": str(volume.root / "data"),
        "PRONOTE_UPLOAD": str(upload),
        "PRONOTE_TERMINATION_LOG": str(said),
    }
    words = [sys.executable, "-m", "pronote_operator.prepare.main"]
    done = subprocess.run(words, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    message: dict[str, Any] = json.loads(said.read_text())
    return message


@pytest.fixture
def other_host(tmp_path: Path) -> Iterator[Server]:
    """A server on a volume that holds nothing yet."""
    volume = Volume(tmp_path / "other")
    volume.prepare()
    (volume.year_folder / "new-base.json").unlink()
    volume.year_folder.rmdir()
    server = Server("pronote-server serve", volume)
    yield server
    server.kill()


def test_from_one_host_to_another(
    running: Server,
    other_host: Server,
    tmp_path: Path,
    add_user: Callable[..., None],
    user_command: Callable[..., None],
) -> None:
    _fill(running, add_user, user_command)
    upload = tmp_path / "upload"
    # While it runs: the log of the base holds nearly everything of it.
    annexes = ["base.HPHOTOS", "base.HCOURRIERS", "base.HDOCJOINTS"]
    assert _export(running, upload, "--annexes", "--profils") == [*annexes, "base.profils", "base.HNOT"]
    assert {oct(path.stat().st_mode & 0o777) for path in upload.iterdir()} == {"0o600"}
    source = {"path": "base.HNOT", "annexes": annexes, "profils": "base.profils"}
    assert _prepare(other_host.volume, upload, source)["result"] == "Done"
    other_host.start()
    for username, mode in (("durand", "enseignant"), ("DURAND", "vie-scolaire"), ("adjointe", "administratif")):
        assert other_host.log_in(username, PASSWORD, mode).status == 200
    assert other_host.log_in("parti", PASSWORD, "enseignant").json["reason"] == "AccountLocked"
    session = other_host.log_in("adjointe", PASSWORD).json["session"]
    pupils = other_host.client("GET", "/client/v1/pupils", session=session).json["pupils"]
    assert [(pupil["lastName"], pupil["firstName"], pupil["class"]) for pupil in pupils] == [("Moreau", "Zoé", "6A")]
    absences = other_host.client("GET", "/client/v1/absences", session=session).json["absences"]
    assert [absence["reason"] for absence in absences] == ["Maladie"]
    folder = other_host.volume.year_folder
    assert {name: (folder / "annexes" / name).read_bytes() for name in ANNEXES} == ANNEXES
    assert not (folder / "new-users.json").exists()
    assert _prepare(other_host.volume, tmp_path / "gone", source)["result"] == "Unchanged"


def test_users_come_to_a_base_that_does_not_know_them(
    running: Server, other_host: Server, tmp_path: Path, add_user: Callable[..., None]
) -> None:
    upload = tmp_path / "upload"
    add_user(running, "durand", "Premier-Passe-42", "--mode", "enseignant")
    _export(running, upload)
    add_user(running, "martin", PASSWORD, "--mode", "enseignant")
    assert _export(running, upload, "--name", "users", "--profils") == ["users.profils", "users.HNOT"]
    _prepare(other_host.volume, upload, {"path": "base.HNOT", "profils": "users.profils"})
    other_host.start()
    assert other_host.log_in("martin", PASSWORD, "enseignant").status == 200
    assert other_host.log_in("durand", "Premier-Passe-42", "enseignant").status == 200
    assert '"usersTakenOver": 2' in other_host.log
    assert "martin" not in other_host.log


def test_who_the_users_are_comes_to_an_older_base_of_the_school(
    running: Server, other_host: Server, tmp_path: Path, add_user: Callable[..., None]
) -> None:
    file = tmp_path / "pupils.csv"
    file.write_text(PUPILS, encoding="utf-8")
    assert _run(running, "pupil", "import", str(file)).returncode == 0
    upload = tmp_path / "upload"
    _export(running, upload)
    add_user(running, "zoe", PASSWORD, "--espace", "Eleves", "--pupil", "060000001AB")
    add_user(running, "paul", PASSWORD, "--espace", "Professeurs", "--espace", "VieScolaire", "--mode", "enseignant")
    _export(running, upload, "--name", "users", "--profils")
    _prepare(other_host.volume, upload, {"path": "base.HNOT", "profils": "users.profils"})
    other_host.start()
    assert other_host.log_in("paul", PASSWORD, "enseignant").status == 200
    assert other_host.log_in("zoe", PASSWORD, "enseignant").json["reason"] == "ModeNotAllowed"
    assert other_host.stop() == 0
    assert running.stop() == 0
    assert _who_is_who(other_host) == _who_is_who(running)
    assert [row[:3] for row in _who_is_who(running)] == [
        ("paul", "Professeurs,VieScolaire", None),
        ("zoe", "Eleves", "060000001AB"),
    ]


def test_who_is_not_in_the_base_keeps_it_out_of_service_and_is_told(
    running: Server, other_host: Server, tmp_path: Path, add_user: Callable[..., None]
) -> None:
    upload = tmp_path / "upload"
    _export(running, upload)
    file = tmp_path / "pupils.csv"
    file.write_text(PUPILS, encoding="utf-8")
    assert _run(running, "pupil", "import", str(file)).returncode == 0
    add_user(running, "zoe", PASSWORD, "--espace", "Eleves", "--pupil", "060000001AB")
    _export(running, upload, "--name", "users", "--profils")
    _prepare(other_host.volume, upload, {"path": "base.HNOT", "profils": "users.profils"})
    other_host.launch()
    assert other_host.end() == 78
    assert "users.0.identity: names a pupil who is not in the base" in other_host.log
    assert "zoe" not in other_host.log
    assert "060000001AB" not in other_host.log
    assert _who_is_who(other_host) == []


def _who_is_who(server: Server) -> list[tuple[str, str, str | None, str]]:
    """Name, Espaces, pupil and PRONOTE identifier of each user of a base that is not served."""
    path = server.volume.year_folder / "base.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        return base.execute(
            "SELECT username, (SELECT group_concat(espace) FROM user_espaces WHERE user_id = users.id), national_id,"
            " pronote_id FROM users JOIN user_identities ON user_id = users.id"
            " LEFT JOIN pupils ON pupils.id = pupil_id ORDER BY username_key"
        ).fetchall()


def test_the_files_are_as_the_format_says_and_the_same_each_time(
    running: Server, tmp_path: Path, add_user: Callable[..., None], user_command: Callable[..., None]
) -> None:
    _fill(running, add_user, user_command)
    assert running.stop() == 0
    running.extra["SOURCE_DATE_EPOCH"] = "1795507200"
    _export(running, tmp_path / "one", "--annexes", "--profils")
    _export(running, tmp_path / "two", "--annexes", "--profils")
    assert len(list((tmp_path / "one").iterdir())) == 5, "nothing is left of the work"
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    common = {"uai": UAI, "schoolYear": YEAR, "version": "2026.2.5", "createdTime": "2026-11-24T08:00:00Z"}
    with zipfile.ZipFile(tmp_path / "one/base.HNOT") as archive:
        assert archive.namelist() == ["manifest.json", "base.sqlite"]
        content = archive.read("base.sqlite")
        described = {"name": "base.sqlite", "sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)}
        assert json.loads(archive.read("manifest.json")) == {
            "format": "pronote-hnot/1",
            **common,
            "members": [described],
        }
    (tmp_path / "base.sqlite").write_bytes(content)
    with closing(sqlite3.connect(f"file:{tmp_path}/base.sqlite?immutable=1", uri=True)) as base:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert base.execute("SELECT count(*) FROM absences").fetchone() == (1,)
    with zipfile.ZipFile(tmp_path / "one/base.HDOCJOINTS") as archive:
        assert archive.namelist() == ["manifest.json", "files/a/b/c.pdf"]
        manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["format"], manifest["kind"]) == ("pronote-annex/1", "documents")
    assert manifest["members"][0]["name"] == "a/b/c.pdf"
    profils = json.loads((tmp_path / "one/base.profils").read_text(encoding="utf-8"))
    assert [user["username"] for user in profils["users"]] == ["adjointe", "Durand", "parti"]
    assert profils["format"] == "pronote-profils/2"
    adjointe = profils["users"][0]
    assert adjointe["passwordHash"].startswith("$argon2id$")
    assert len(adjointe["identity"]["pronoteId"]) == 16
    assert {name: value for name, value in adjointe.items() if name not in ("passwordHash", "identity")} == {
        "username": "adjointe",
        "espaces": ["Direction"],
        "modes": ["administratif"],
        "superadministrator": True,
        "locked": False,
        "casAccounts": [],
    }
    assert PASSWORD not in str(profils)
    assert SUPERADMIN[0] not in str(profils), "the superadministrator of the files is not a user of the base"


def test_an_export_leaves_out_what_is_no_annex_and_says_so(running: Server, tmp_path: Path) -> None:
    folder = running.volume.year_folder / "annexes"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos/a.jpg").write_bytes(b"a")
    (folder / "photos/link.jpg").symlink_to("/etc/passwd")
    (folder / "letters").symlink_to("/etc")
    (folder / "note.txt").write_text("x")
    done = _run(running, "export-hnot", "--output", str(tmp_path / "out"), "--annexes")
    assert done.returncode == 0
    assert "warning: 3 entries in annexes were left out" in done.stderr
    with zipfile.ZipFile(tmp_path / "out/base.HPHOTOS") as archive:
        assert archive.namelist() == ["manifest.json", "files/a.jpg"]
    assert not (tmp_path / "out/base.HCOURRIERS").exists()


def test_an_export_that_fails_says_why_and_leaves_an_earlier_one(running: Server, tmp_path: Path) -> None:
    _export(running, tmp_path)
    before = (tmp_path / "base.HNOT").read_bytes()
    (tmp_path / ".base.HNOT.0000.partial").write_bytes(b"left by a killed export")
    assert _run(running, "export-hnot", "--output", str(tmp_path), "--name", "../x").returncode == 64
    running.extra["PRONOTE_UAI"] = "0210066H"
    done = _run(running, "export-hnot", "--output", str(tmp_path))
    assert done.returncode == 78
    assert "another school" in done.stderr
    assert (tmp_path / "base.HNOT").read_bytes() == before
    running.extra.clear()
    _export(running, tmp_path)
    assert [path.name for path in tmp_path.glob(".base*")] == []
    assert _run(running, "export-hnot", "--output", str(tmp_path / "base.HNOT")).returncode == 78
