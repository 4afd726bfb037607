"""Probes, information, connections and blocked addresses."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import UAI, YEAR

if TYPE_CHECKING:
    from tests.conformance.harness import Server

LISTENING = "0A"
LOOPBACK = "0100007F"


def test_it_is_live_and_ready(server: Server) -> None:
    assert server.admin("GET", "/livez").status == 200
    assert server.admin("GET", "/readyz").status == 200


def test_info_names_contract_version_school_and_year(server: Server) -> None:
    answer = server.admin("GET", "/v1/info")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    expected = {"contract": "v1", "version": "2026.2.5", "uai": UAI, "schoolYear": YEAR, "state": "Ready"}
    assert expected.items() <= answer.json.items()


def test_connections_and_licences_are_listed(server: Server) -> None:
    document = server.admin("GET", "/v1/connections").json
    assert isinstance(document["connections"], list)
    assert {"used": 0, "limit": 4, "reserved": 1}.items() <= document["licences"]["administrative"].items()
    assert {"used": 0, "limit": 50}.items() <= document["licences"]["teachers"].items()


def test_an_unknown_connection_is_not_found(server: Server) -> None:
    assert server.admin("DELETE", "/v1/connections/no-such-connection").status == 404


def test_nothing_is_blocked_at_first(server: Server) -> None:
    assert server.admin("GET", "/v1/blocked-addresses").json["blockedAddresses"] == []


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "%3A%3A1"])
def test_releasing_an_address_that_is_not_blocked_is_not_found(server: Server, address: str) -> None:
    assert server.admin("DELETE", f"/v1/blocked-addresses/{address}").status == 404


def test_an_unknown_path_is_not_found(server: Server) -> None:
    assert server.admin("GET", "/v1/no-such-thing").status == 404


def test_the_admin_port_is_open_on_127_0_0_1_only(server: Server) -> None:
    for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            probe.settimeout(5)
            assert probe.connect_ex((address, server.admin_port)) != 0
    assert _listening_addresses(server.running.pid, server.admin_port) == {LOOPBACK}


def _listening_addresses(pid: int, port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text(encoding="ascii").splitlines()[1:] if path.exists() else []:
            _, local, _, state, *_ = line.split()
            address, _, hex_port = local.partition(":")
            if state == LISTENING and int(hex_port, 16) == port:
                found.add(address)
    return found
