"""Pupils and absences: the commands, the Client protocol, and what is kept when the server is killed."""

from __future__ import annotations

import http.client
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.harness import Server

PASSWORD = "Bonjour-Monde-42"
HEADER = "nationalId,lastName,firstName,birthDate,class\n"
ABSENCE = {"pupil": 1, "startTime": "2026-11-24T09:00:00+01:00", "minutes": 55, "reason": "Maladie"}


def _lines(first: int, count: int) -> str:
    return "".join(f"{n:09d}AB,Nom{n},Prénom{n},2014-05-31,6{n % 3}\n" for n in range(first, first + count))


def _pupil(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("pronote-server")
    return subprocess.run(
        [program, "pupil", *words], env=server.environment, text=True, capture_output=True, check=False
    )


def _import(server: Server, content: str) -> subprocess.CompletedProcess[str]:
    file = server.volume.root / "pupils.csv"
    file.write_text(content, encoding="utf-8")
    return _pupil(server, "import", str(file))


def _every(server: Server, session: str, what: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    more = True
    while more:
        after = rows[-1]["id"] if rows else 0
        page = server.client("GET", f"/client/v1/{what}?after={after}", session=session).json
        rows += page[what]
        more = page["more"]
        assert len(page[what]) <= 500
    return rows


def test_a_file_of_pupils_is_entered_whole_or_not_at_all(running: Server) -> None:
    done = _import(running, HEADER + _lines(1, 600))
    assert (done.returncode, done.stdout) == (0, "600 pupils\n"), done.stderr
    assert _pupil(running, "count").stdout == "600\n"
    assert _pupil(running, "list").stdout.splitlines()[1] == "2\tNom2\tPrénom2\t62"
    again = _import(running, HEADER + _lines(601, 1) + _lines(600, 1))
    assert (again.returncode, again.stdout) == (64, "")
    assert again.stderr == "pronote-server: line 3: nationalId: this pupil is in the base already.\n"
    assert _import(running, HEADER + "x").returncode == 64
    assert _pupil(running, "import", "/no/such/file").returncode == 64
    assert _pupil(running, "count").stdout == "600\n"
    session = running.log_in().json["session"]
    pupils = _every(running, session, "pupils")
    assert len(pupils) == 600
    assert pupils[0] == {"id": 1, "lastName": "Nom1", "firstName": "Prénom1", "class": "61"}


def test_absences_are_entered_and_listed_in_order(running: Server, add_user: Callable[..., None]) -> None:
    _import(running, HEADER + _lines(1, 3))
    add_user(running, "surveillante", PASSWORD, "--mode", "vie-scolaire", "--mode", "enseignant")
    session = running.log_in("surveillante", PASSWORD, "vie-scolaire").json["session"]
    answer = running.client("POST", "/client/v1/absences", ABSENCE, session)
    assert answer.status == 201
    recorded = answer.json.pop("recordedTime")
    assert answer.json == {
        "id": 1,
        "pupil": 1,
        "startTime": "2026-11-24T08:00:00Z",
        "minutes": 55,
        "reason": "Maladie",
        "recordedTime": recorded,
    }
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda n: running.client("POST", "/client/v1/absences", {**ABSENCE, "pupil": 1 + n % 3}, session),
                range(40),
            )
        )
    assert sorted(one.json["id"] for one in answers) == list(range(2, 42))
    listed = _every(running, session, "absences")
    assert [one["id"] for one in listed] == list(range(1, 42))
    assert _every(running, running.log_in().json["session"], "absences") == listed
    page = running.client("GET", "/client/v1/absences?after=40", session=session).json
    assert ([one["id"] for one in page["absences"]], page["more"]) == ([41], False)
    teacher = running.log_in("surveillante", PASSWORD, "enseignant").json["session"]
    assert running.client("POST", "/client/v1/absences", ABSENCE, teacher).json["reason"] == "ModeNotAllowed"
    assert running.client("GET", "/client/v1/absences", session=teacher).status == 403
    assert running.client("GET", "/client/v1/pupils", session=teacher).status == 200


def test_pages_are_bounded(running: Server) -> None:
    _import(running, HEADER + _lines(1, 1))
    with closing(sqlite3.connect(running.volume.year_folder / "base.sqlite")) as connection, connection:
        row = (1, 1790000000, 55, "", 1790000000)
        connection.executemany(
            "INSERT INTO absences (pupil_id, start_time, minutes, reason, recorded_time) VALUES (?, ?, ?, ?, ?)",
            [row] * 1203,
        )
    session = running.log_in().json["session"]
    assert [one["id"] for one in _every(running, session, "absences")] == list(range(1, 1204))


def test_what_was_answered_is_there_after_a_kill(running: Server) -> None:
    _import(running, HEADER + _lines(1, 1))
    session = running.log_in().json["session"]
    acknowledged: list[int] = []

    def write() -> None:
        try:
            while True:
                acknowledged.append(running.client("POST", "/client/v1/absences", ABSENCE, session).json["id"])
        except (OSError, http.client.HTTPException):
            return

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write) for _ in range(4)]
        wait_until(lambda: len(acknowledged) > 30, 60, "thirty absences")
        running.kill()
        for writer in writers:
            writer.result()
    running.start()
    session = running.log_in().json["session"]
    assert set(acknowledged) <= {one["id"] for one in _every(running, session, "absences")}


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"pupil": 99}, 404, "UnknownPupil"),
        ({"pupil": 0}, 400, "InvalidRequest"),
        ({"pupil": 2**63}, 400, "InvalidRequest"),
        ({"pupil": "1"}, 400, "InvalidRequest"),
        ({"pupil": True}, 400, "InvalidRequest"),
        ({"startTime": "2026-11-24T09:00:00"}, 400, "InvalidRequest"),
        ({"startTime": 1790000000}, 400, "InvalidRequest"),
        ({"startTime": "0001-01-01T00:00:00+23:00"}, 400, "InvalidRequest"),
        ({"startTime": "9999-12-31T23:59:59-23:00"}, 400, "InvalidRequest"),
        ({"minutes": 0}, 400, "InvalidRequest"),
        ({"minutes": 1441}, 400, "InvalidRequest"),
        ({"minutes": 1.5}, 400, "InvalidRequest"),
        ({"reason": "x" * 201}, 400, "InvalidRequest"),
        ({"reason": "a\nb"}, 400, "InvalidRequest"),
        ({"reason": "\ud800"}, 400, "InvalidRequest"),
        ({"more": 1}, 400, "InvalidRequest"),
    ],
)
def test_what_is_not_valid_is_refused(server: Server, change: dict[str, object], status: int, reason: str) -> None:
    session = server.log_in().json["session"]
    answer = server.client("POST", "/client/v1/absences", {**ABSENCE, **change}, session)
    assert server.client("POST", "/client/v1/logout", session=session).status == 200
    assert (answer.status, answer.json["reason"]) == (status, reason)


@pytest.mark.parametrize("after", ["", "-1", "x", "1.0", "99999999999999999999", "9223372036854775808", "%C2%B2", "+1"])
def test_an_id_to_go_on_from_is_a_whole_number(server: Server, after: str) -> None:
    session = server.log_in().json["session"]
    answer = server.client("GET", f"/client/v1/absences?after={after}", session=session)
    assert server.client("POST", "/client/v1/logout", session=session).status == 200
    assert (answer.status, answer.json["reason"]) == (400, "InvalidRequest")


def test_school_data_need_a_session(server: Server) -> None:
    for method, path in (("GET", "absences"), ("POST", "absences"), ("GET", "pupils")):
        answer = server.client(method, f"/client/v1/{path}", ABSENCE if method == "POST" else None, "nobody's")
        assert (answer.status, answer.json["reason"]) == (401, "SessionExpired")
