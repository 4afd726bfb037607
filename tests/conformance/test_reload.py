"""Mounted files that change while the server runs: settings, superadministrator, certificate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conformance.certificates import new_authority, write_certificate
from tests.conformance.harness import HOST, SUPERADMIN, default_settings, wait_until

if TYPE_CHECKING:
    from tests.conformance.harness import Server

RELOAD_SECONDS = 10.0
"""How soon the contract wants a change to be in force."""


def _limit(server: Server) -> object:
    return server.admin("GET", "/v1/connections").json["licences"]["teachers"]["limit"]


def _wait_for_limit(server: Server, teachers: int) -> None:
    wait_until(lambda: _limit(server) == teachers, RELOAD_SECONDS, "the new limit")


def _with_teachers(number: object) -> dict[str, object]:
    settings = default_settings()
    settings["licences"]["teachers"] = number
    return settings


def test_settings_are_in_force_soon_after_the_kubelet_swaps_them(server: Server) -> None:
    for teachers in (51, 52):
        server.volume.write_settings(_with_teachers(teachers))
        _wait_for_limit(server, teachers)
    assert server.metric("pronote_settings_last_reload_successful") == 1


def test_settings_replaced_or_written_in_place_are_read_too(server: Server) -> None:
    path = server.volume.settings_folder / "settings.json"
    path.write_text(json.dumps(_with_teachers(61)), encoding="utf-8")
    _wait_for_limit(server, 61)
    new = path.with_name("new.json")
    new.write_text(json.dumps(_with_teachers(62)), encoding="utf-8")
    new.replace(path)
    _wait_for_limit(server, 62)
    path.unlink()
    path.symlink_to("..data/settings.json")


@pytest.mark.parametrize("bad", [_with_teachers(-1), _with_teachers("many"), [], {"security": {"ipControl": "Some"}}])
def test_invalid_settings_leave_the_good_ones_in_force_and_show_in_the_metric(server: Server, bad: object) -> None:
    server.volume.write_settings(_with_teachers(70))
    _wait_for_limit(server, 70)
    before = server.metric("pronote_settings_last_reload_timestamp_seconds")
    server.volume.write_settings(bad)
    wait_until(lambda: server.metric("pronote_settings_last_reload_successful") == 0, RELOAD_SECONDS, "the metric")
    assert _limit(server) == 70
    assert server.metric("pronote_settings_last_reload_timestamp_seconds") == before
    assert server.is_ready()
    server.volume.write_settings(_with_teachers(71))
    wait_until(lambda: server.metric("pronote_settings_last_reload_successful") == 1, RELOAD_SECONDS, "the metric")
    assert _limit(server) == 71


def test_members_of_a_later_contract_are_ignored(server: Server) -> None:
    server.volume.write_settings(_with_teachers(80) | {"somethingOfLater": {"deep": [1]}})
    _wait_for_limit(server, 80)


def test_a_new_certificate_is_shown_to_new_connections(server: Server) -> None:
    before = server.shown_certificate()
    renewed = write_certificate(server.volume.tls, server.volume.authority, (HOST, "localhost", "127.0.0.1"))
    wait_until(lambda: server.shown_certificate() != before, RELOAD_SECONDS, "the new certificate")
    assert server.shown_certificate() == renewed.public_bytes(Encoding.DER)


def test_a_key_that_does_not_fit_leaves_the_certificate_in_force(server: Server) -> None:
    before = server.shown_certificate()
    key = (server.volume.tls / "tls.key").read_bytes()
    (server.volume.tls / "tls.key").write_text("no key", encoding="utf-8")
    server.volume.write_settings(_with_teachers(90))
    _wait_for_limit(server, 90)
    assert server.shown_certificate() == before
    (server.volume.tls / "tls.key").write_bytes(key)


def test_a_certificate_of_another_authority_than_ca_crt_leaves_the_earlier_one_in_force(server: Server) -> None:
    before = server.shown_certificate()
    write_certificate(server.volume.tls, new_authority(), (HOST, "localhost"))
    (server.volume.tls / "ca.crt").write_text(server.volume.authority.pem, encoding="utf-8")
    server.volume.write_settings(_with_teachers(91))
    _wait_for_limit(server, 91)
    assert server.shown_certificate() == before


def test_a_change_of_the_superadministrator_never_stops_the_server(server: Server) -> None:
    files = ((SUPERADMIN[0], "short"), ("", ""), ("chef", "Autre-Passe-2026-x"))
    for teachers, (name, password) in enumerate(files, 101):
        server.volume.write_superadmin(name, password)
        server.volume.write_settings(_with_teachers(teachers))
        _wait_for_limit(server, teachers)
        assert server.is_ready()
