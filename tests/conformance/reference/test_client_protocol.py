"""The reference server's Client protocol: who is let in, and what a refusal says."""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.harness import SUPERADMIN, default_settings, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.harness import Server

PASSWORD = "Bonjour-Monde-42"


def _change(server: Server, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the settings and wait until they are in force."""
    before = server.metric("pronote_settings_last_reload_timestamp_seconds")
    settings = default_settings()
    change(settings)
    server.volume.write_settings(settings)
    wait_until(
        lambda: server.metric("pronote_settings_last_reload_timestamp_seconds") != before, 10, "the new settings"
    )


def test_a_superadministrator_logs_in_is_shown_and_logs_out(running: Server) -> None:
    login = running.log_in()
    assert login.status == 200
    session = login.json["session"]
    assert len(session) >= 43
    me = running.client("GET", "/client/v1/whoami", session=session).json
    assert (me["username"], me["mode"], me["superadministrator"]) == (SUPERADMIN[0], "administratif", True)
    shown = running.client("GET", "/client/v1/connections", session=session).json["connections"]
    assert [(one["username"], one["machine"], one["address"]) for one in shown] == [
        (SUPERADMIN[0], "SECRETARIAT-1", "127.0.0.1")
    ]
    assert session not in str(shown)
    assert running.client("POST", "/client/v1/logout", session=session).status == 200
    assert running.client("GET", "/client/v1/whoami", session=session).json["reason"] == "SessionExpired"
    assert running.metric("pronote_logins_total", mode="administratif", result="success") == 1


def test_users_connect_in_their_modes_only(running: Server, add_user: Callable[..., None]) -> None:
    add_user(running, "Dupont", PASSWORD, "--mode", "enseignant", "--mode", "vie-scolaire")
    assert running.log_in("DUPONT", PASSWORD, "enseignant").status == 200
    session = running.log_in("dupont", PASSWORD, "vie-scolaire").json["session"]
    refused = running.log_in("dupont", PASSWORD, "administratif")
    assert (refused.status, refused.json["reason"]) == (403, "ModeNotAllowed")
    assert running.client("GET", "/client/v1/connections", session=session).status == 403


def test_the_place_reserved_for_superadministrators_is_kept(running: Server, add_user: Callable[..., None]) -> None:
    add_user(running, "martin", PASSWORD, "--mode", "administratif")
    assert [running.log_in("martin", PASSWORD).status for _ in range(4)] == [200, 200, 200, 409]
    assert running.log_in("martin", PASSWORD).json["limit"] == 3
    assert running.log_in().status == 200
    full = running.log_in()
    assert (full.status, full.json["reason"], full.json["limit"]) == (409, "LicenceFull", 4)
    assert running.metric("pronote_licences_used", mode="administratif") == 4
    first = running.admin("GET", "/v1/connections").json["connections"][0]["id"]
    assert running.admin("DELETE", f"/v1/connections/{first}").status == 204
    assert running.log_in("martin", PASSWORD).status == 200


def test_an_ended_connection_is_told_so(running: Server) -> None:
    login = running.log_in().json
    assert running.admin("DELETE", f"/v1/connections/{login['connection']}").status == 204
    ended = running.client("GET", "/client/v1/whoami", session=login["session"])
    assert (ended.status, ended.json["reason"]) == (401, "SessionExpired")


def test_an_idle_session_ends_and_gives_its_place_back(running: Server) -> None:
    assert running.stop() == 0
    running.extra["PRONOTE_SESSION_IDLE_SECONDS"] = "1"
    running.start()
    session = running.log_in().json["session"]
    wait_until(lambda: running.metric("pronote_licences_used", mode="administratif") == 0, 5, "the place")
    assert running.client("GET", "/client/v1/whoami", session=session).json["reason"] == "SessionExpired"


def test_an_address_is_suspended_after_wrong_logins_and_released(running: Server) -> None:
    _change(running, lambda settings: settings["security"].update(ipControl="High"))
    session = running.log_in().json["session"]
    assert [running.log_in(password="wrong").status for _ in range(5)] == [401] * 5
    refused = running.log_in()
    assert (refused.status, refused.json["reason"]) == (429, "AddressSuspended")
    assert refused.json["until"].endswith("Z")
    assert int(refused.headers["retry-after"]) > 14000
    assert running.client("GET", "/client/v1/whoami", session=session).status == 200, "who is in stays in"
    assert running.metric("pronote_blocked_addresses") == 1
    blocked = running.admin("GET", "/v1/blocked-addresses").json["blockedAddresses"]
    assert [(one["address"], one["prefixLength"]) for one in blocked] == [("127.0.0.1", 32)]
    assert blocked[0]["until"] == refused.json["until"]
    assert running.admin("DELETE", "/v1/blocked-addresses/127.0.0.1").status == 204
    assert running.log_in().status == 200


def test_preferred_addresses_are_never_suspended_and_prohibited_ones_never_let_in(running: Server) -> None:
    _change(running, lambda settings: settings["security"].update(ipControl="High", preferredAddresses=["127.0.0.0/8"]))
    assert [running.log_in(password="wrong").status for _ in range(8)] == [401] * 8
    session = running.log_in().json["session"]
    _change(running, lambda settings: settings["security"].update(prohibitedAddresses=["127.0.0.1"]))
    assert running.log_in().json["reason"] == "AddressProhibited"
    assert running.client("GET", "/client/v1/whoami", session=session).json["reason"] == "AddressProhibited"
    assert running.metric("pronote_connections", application="Client", mode="administratif") == 0
    assert running.metric("pronote_logins_total", mode="administratif", result="blocked") == 1


def test_a_disabled_machine_is_disconnected_and_kept_out(running: Server) -> None:
    session = running.log_in(machine="cdi-3").json["session"]
    other = running.log_in(machine="secretariat").json["session"]
    _change(running, lambda settings: settings.update(disabledClients=["CDI-3"]))
    assert running.client("GET", "/client/v1/whoami", session=session).status == 401
    assert running.client("GET", "/client/v1/whoami", session=other).status == 200
    assert running.log_in(machine="Cdi-3").json["reason"] == "MachineDisabled"


def test_a_changed_superadministrator_replaces_the_earlier_one_and_a_weak_one_does_not(running: Server) -> None:
    session = running.log_in().json["session"]
    running.volume.write_superadmin(SUPERADMIN[0], "weak")
    wait_until(lambda: running.metric("pronote_superadministrator_last_reload_successful") == 0, 10, "the refusal")
    assert running.client("GET", "/client/v1/whoami", session=session).status == 200
    running.volume.write_superadmin("proviseure", PASSWORD)
    wait_until(lambda: running.metric("pronote_superadministrator_last_reload_successful") == 1, 10, "the new one")
    assert running.log_in("proviseure", PASSWORD).status == 200
    assert running.log_in().status == 401
    assert running.client("GET", "/client/v1/whoami", session=session).status == 401


def test_locked_and_deleted_users_are_out_with_their_next_request(
    running: Server, add_user: Callable[..., None], user_command: Callable[..., None]
) -> None:
    add_user(running, "durand", PASSWORD, "--mode", "enseignant")
    session = running.log_in("durand", PASSWORD, "enseignant").json["session"]
    user_command(running, "lock", "durand")
    assert running.client("GET", "/client/v1/whoami", session=session).status == 401
    assert running.log_in("durand", PASSWORD, "enseignant").json["reason"] == "AccountLocked"
    assert running.log_in("durand", "wrong", "enseignant").json["reason"] == "WrongCredentials"
    user_command(running, "unlock", "durand")
    session = running.log_in("durand", PASSWORD, "enseignant").json["session"]
    user_command(running, "delete", "durand")
    assert running.client("GET", "/client/v1/whoami", session=session).status == 401
    assert running.log_in("durand", PASSWORD, "enseignant").status == 401


def test_a_name_that_does_not_exist_takes_as_long_as_a_wrong_password(running: Server) -> None:
    _change(running, lambda settings: settings["security"].update(ipControl="Off"))

    def median(username: str) -> float:
        times = []
        for _ in range(15):
            begun = time.perf_counter()
            assert running.log_in(username, "wrong password").status == 401
            times.append(time.perf_counter() - begun)
        return statistics.median(times)

    known, unknown = median(SUPERADMIN[0]), median("nobody")
    assert 0.5 < unknown / known < 2


def test_the_audit_keeps_no_typed_name_and_no_token(running: Server) -> None:
    session = running.log_in().json["session"]
    running.log_in("my-secret-password", "x")
    with sqlite3.connect(running.volume.year_folder / "base.sqlite") as connection:
        rows = connection.execute("SELECT user_id, mode, result, address FROM login_audit ORDER BY id").fetchall()
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert rows == [(None, "administratif", "success", "127.0.0.1"), (None, "administratif", "refused", "127.0.0.1")]
    assert "my-secret-password" not in dump
    assert session not in dump


def test_logs_are_json_lines_without_secrets_and_personal_data(running: Server, add_user: Callable[..., None]) -> None:
    canary = "Canari-Jaune-2026"
    add_user(running, "canari.nom", canary, "--mode", "enseignant")
    session = running.log_in("canari.nom", canary, "enseignant", machine="canari-poste").json["session"]
    running.log_in("canari.nom", canary + "x", "enseignant", machine="canari-poste")
    running.client("GET", "/client/v1/whoami", session=session)
    running.client("GET", "/client/v1/whoami", session=session + "x")
    running.client("POST", "/client/v1/login", {"username": "canari.nom", "password": canary, "canari": 1})
    running.client("POST", "/client/v1/login", f'{{"username": "canari {canary}'.encode())
    running.volume.write_superadmin("canari", "canari-faible")
    _change(running, lambda settings: settings.update(disabledClients=["canari-poste"], canari=canary))
    assert running.stop() == 0
    lines = running.log.splitlines()
    assert all({"time", "level", "message"} <= json.loads(line).keys() for line in lines)
    for secret in ("canari", "Canari", session, SUPERADMIN[1], "127.0.0.1"):
        assert secret not in running.log


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        {"username": "a", "password": "b"},
        {"username": "a", "password": "b", "mode": "eleve"},
        {"username": "", "password": "b", "mode": "enseignant"},
        {"username": "a" * 65, "password": "b", "mode": "enseignant"},
        {"username": "a", "password": "b" * 257, "mode": "enseignant"},
        {"username": "a\u0000", "password": "b", "mode": "enseignant"},
        {"username": ["a"], "password": "b", "mode": "enseignant"},
        {"username": "a", "password": "b", "mode": "enseignant", "admin": True},
    ],
)
def test_malformed_logins_are_refused_without_repeating_them(server: Server, body: object) -> None:
    answer = server.client("POST", "/client/v1/login", body)
    assert (answer.status, answer.json["reason"]) == (400, "InvalidRequest")
    assert "aaaa" not in str(answer.json)


def test_bodies_are_bounded(server: Server) -> None:
    answer = server.client(
        "POST", "/client/v1/login", {"username": "a" * 70_000, "password": "b", "mode": "enseignant"}
    )
    assert (answer.status, answer.json["reason"]) == (413, "BodyTooLarge")


def test_methods_and_paths_that_do_not_exist(server: Server) -> None:
    assert server.client("GET", "/client/v1/login").status == 405
    assert server.client("GET", "/v1/info").status == 404, "the admin API is not on the Clients' port"
    assert server.client("GET", "/metrics").status == 404
    assert server.client("GET", "/client/v1/whoami").json["reason"] == "SessionExpired"
