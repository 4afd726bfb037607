"""A past year that is kept on the volume: Clients choose it at the login, and can only read."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.harness import SUPERADMIN, Server, Volume, default_settings, wait_until
from tests.conformance.reference.conftest import COMMAND, _user
from tests.conformance.reference.test_client_program import Client, parameters
from tests.conformance.reference.test_school_data import ABSENCE, HEADER, _import, _lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAST, NOW = 2026, 2027
OF_THE_PAST = ("durand", "Bonjour-Monde-42")
OF_TODAY = ("martin", "Bonjour-Monde-43")


@pytest.fixture(scope="module")
def kept_volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    """A volume with 2026, which has its own users, pupils and an absence, and 2027; to be copied."""
    volume = Volume(tmp_path_factory.mktemp("kept"))
    volume.prepare()
    first = Server(COMMAND, volume)
    try:
        first.start()
        for name, mode in ((OF_THE_PAST[0], "vie-scolaire"), ("ancien", "enseignant")):
            _user(first, "add", name, "--mode", mode, "--password-stdin", password=OF_THE_PAST[1])
        assert _import(first, HEADER + _lines(1, 7)).returncode == 0
        session = first.log_in(*OF_THE_PAST, mode="vie-scolaire").json["session"]
        assert first.client("POST", "/client/v1/absences", ABSENCE, session).status == 201
        assert first.stop() == 0
    finally:
        first.kill()
    volume.request_base(NOW)
    second = Server(COMMAND, volume, {"PRONOTE_SCHOOL_YEAR": str(NOW)})
    try:
        second.start()
        _user(second, "add", OF_TODAY[0], "--mode", "vie-scolaire", "--password-stdin", password=OF_TODAY[1])
        assert second.stop() == 0
    finally:
        second.kill()
    return volume


def _served(kept: Volume, root: Path) -> Iterator[Server]:
    shutil.copytree(kept.root, root, symlinks=True)
    server = Server(COMMAND, Volume(root, kept.authority), {"PRONOTE_SCHOOL_YEAR": str(NOW)})
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def turned(kept_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of 2027, shared by tests that only log in."""
    yield from _served(kept_volume, tmp_path_factory.mktemp("turned") / "pod")


@pytest.fixture
def alone(kept_volume: Volume, tmp_path: Path) -> Iterator[Server]:
    """A server of 2027 of one test."""
    yield from _served(kept_volume, tmp_path / "pod")


def log_in(server: Server, who: tuple[str, str], mode: str, year: object = PAST) -> tuple[int, Any]:
    """Log in to a year."""
    body = {"username": who[0], "password": who[1], "mode": mode, "machine": "SECRETARIAT-1", "schoolYear": year}
    answer = server.client("POST", "/client/v1/login", body)
    return answer.status, answer.json


def past_folder(server: Server) -> dict[str, bytes]:
    """What is in the folder of the past year."""
    return {path.name: path.read_bytes() for path in server.volume.year_folder.iterdir()}


def test_years_are_listed_before_the_login(turned: Server) -> None:
    assert turned.client("GET", "/client/v1/years").json == {
        "years": [{"schoolYear": NOW, "state": "InService"}, {"schoolYear": PAST, "state": "Kept"}]
    }


def test_a_user_of_the_past_year_reads_it_and_enters_nothing(alone: Server) -> None:
    before = past_folder(alone)
    status, answer = log_in(alone, OF_THE_PAST, "vie-scolaire")
    assert status == 200, answer
    assert (answer["schoolYear"], answer["readOnly"], answer["username"]) == (PAST, True, "durand")
    session = answer["session"]
    whoami = alone.client("GET", "/client/v1/whoami", session=session).json
    assert (whoami["schoolYear"], whoami["readOnly"]) == (PAST, True)
    assert len(alone.client("GET", "/client/v1/pupils", session=session).json["pupils"]) == 7
    (absence,) = alone.client("GET", "/client/v1/absences", session=session).json["absences"]
    assert absence["reason"] == "Maladie"
    refused = alone.client("POST", "/client/v1/absences", ABSENCE, session)
    assert (refused.status, refused.json["reason"]) == (403, "SchoolYearReadOnly")
    assert str(PAST) in refused.json["message"]
    assert alone.client("POST", "/client/v1/logout", {}, session).status == 200
    assert alone.stop() == 0
    assert past_folder(alone) == before


def test_each_year_has_its_own_users_and_data(turned: Server) -> None:
    assert log_in(turned, OF_TODAY, "vie-scolaire")[1]["reason"] == "WrongCredentials"
    assert log_in(turned, OF_THE_PAST, "vie-scolaire", NOW)[1]["reason"] == "WrongCredentials"
    status, today = log_in(turned, OF_TODAY, "vie-scolaire", NOW)
    assert (status, today["schoolYear"], today["readOnly"]) == (200, NOW, False)
    assert turned.client("GET", "/client/v1/pupils", session=today["session"]).json["pupils"] == []
    # The first user of today has the row that the first user of the past year has.
    past = log_in(turned, OF_THE_PAST, "vie-scolaire")[1]
    assert turned.client("GET", "/client/v1/whoami", session=past["session"]).json["username"] == "durand"
    assert turned.client("GET", "/client/v1/whoami", session=today["session"]).json["username"] == "martin"


def test_without_a_year_it_is_the_one_in_service(turned: Server) -> None:
    answer = turned.log_in(*OF_TODAY, mode="vie-scolaire").json
    assert (answer["schoolYear"], answer["readOnly"]) == (NOW, False)


def test_the_superadministrator_works_in_the_past_year(turned: Server) -> None:
    status, answer = log_in(turned, SUPERADMIN, "administratif")
    assert (status, answer["superadministrator"], answer["schoolYear"]) == (200, True, PAST)
    assert len(turned.client("GET", "/client/v1/pupils", session=answer["session"]).json["pupils"]) == 7
    shown = turned.client("GET", "/client/v1/connections", session=answer["session"]).json["connections"]
    assert [one["schoolYear"] for one in shown if one["id"] == answer["connection"]] == [PAST]


def test_places_in_the_past_year_count_like_any(alone: Server) -> None:
    settings = default_settings()
    settings["licences"]["teachers"] = 1
    alone.volume.write_settings(settings)
    wait_until(
        lambda: alone.admin("GET", "/v1/connections").json["licences"]["teachers"]["limit"] == 1, what="the new limit"
    )
    assert log_in(alone, ("ancien", OF_THE_PAST[1]), "enseignant")[0] == 200
    assert alone.metric("pronote_licences_used", mode="enseignant") == 1
    status, refused = log_in(alone, ("ancien", OF_THE_PAST[1]), "enseignant")
    assert (status, refused["reason"]) == (409, "LicenceFull")


@pytest.mark.parametrize("year", [2025, 2028, 1990])
def test_a_year_that_is_not_kept_is_refused(turned: Server, year: int) -> None:
    status, answer = log_in(turned, OF_THE_PAST, "vie-scolaire", year)
    assert (status, answer["reason"]) == (404, "UnknownSchoolYear")


@pytest.mark.parametrize("year", ["2026", 2026.5, True, 1, 99999, [2026]])
def test_what_is_no_year_is_refused(turned: Server, year: object) -> None:
    assert log_in(turned, OF_THE_PAST, "vie-scolaire", year)[1]["reason"] == "InvalidRequest"


def test_a_wrong_password_in_the_past_year_counts_towards_suspension(alone: Server) -> None:
    for _ in range(10):
        assert log_in(alone, ("durand", "wrong"), "vie-scolaire")[0] == 401
    status, answer = log_in(alone, OF_THE_PAST, "vie-scolaire")
    assert (status, answer["reason"]) == (429, "AddressSuspended")
    assert alone.client("GET", "/client/v1/years").json["reason"] == "AddressSuspended"


def test_a_login_in_the_past_year_is_audited_in_the_base_in_service_without_a_user(alone: Server) -> None:
    assert log_in(alone, OF_THE_PAST, "vie-scolaire")[0] == 200
    base = alone.volume.year_folder.with_name(str(NOW)) / "base.sqlite"
    with closing(sqlite3.connect(base)) as audit:
        rows = audit.execute("SELECT user_id, mode, result FROM login_audit").fetchall()
    assert rows == [(None, "vie-scolaire", "success")]


def test_a_kept_base_that_cannot_be_read_keeps_nothing_from_being_served(alone: Server) -> None:
    assert alone.stop() == 0
    (alone.volume.year_folder / "base.sqlite").write_bytes(b"no base" * 1000)
    alone.start()
    status, answer = log_in(alone, OF_THE_PAST, "vie-scolaire")
    assert (status, answer["reason"]) == (409, "SchoolYearUnavailable")
    assert log_in(alone, OF_TODAY, "vie-scolaire", NOW)[0] == 200


def test_the_client_program_logs_in_to_a_past_year(turned: Server, tmp_path: Path) -> None:
    client = Client(tmp_path / "home")
    client.home.mkdir()
    file = tmp_path / "parameters.json"
    parameters(file, turned.volume.authority.pem)
    assert client.run("apply-parameters", str(file)).returncode == 0
    listed = client.run("years", "--connect", f"127.0.0.1:{turned.client_port}")
    assert listed.returncode == 0, listed.stderr
    assert [line.split() for line in listed.stdout.splitlines() if str(PAST) in line or str(NOW) in line]
    done = client.log_in(turned, "--school-year", str(PAST))
    assert done.returncode == 0, done.stderr
    assert f"school year {PAST} (read-only)" in done.stdout
    assert f"{PAST} (read-only)" in client.run("whoami").stdout
    unknown = client.log_in(turned, "--school-year", "2020")
    assert unknown.returncode == 2
    assert "2020" in unknown.stderr
    assert json.loads((client.folder / "sessions" / "0750654D.json").read_text())["username"] == SUPERADMIN[0]
