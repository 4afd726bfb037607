"""The settings file and the environment: what is allowed, and messages that name the field and not the value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.config import server_config
from pronote_server.errors import StartError
from pronote_server.settings import Settings, SettingsError, load_settings
from pronote_server.uai import UAI_LETTERS, is_valid_uai

GOOD = {
    "PRONOTE_DATA": "/d",
    "PRONOTE_SCHOOL_YEAR": "2026",
    "PRONOTE_UAI": "0750654D",
    "PRONOTE_CHECKPOINTS": "/c",
    "PRONOTE_SETTINGS": "/s.json",
    "PRONOTE_SUPERADMIN": "/a",
    "PRONOTE_TLS": "/t",
    "PRONOTE_CLIENT_PORT": "49300",
    "PRONOTE_ADMIN_PORT": "8081",
}


def test_the_contracts_example_is_valid() -> None:
    text = """{"displayName":"Collège","timeZone":"Indian/Reunion","managedUais":["0210066H"],
      "licences":{"administrative":4,"teachers":50,"reservedForAdministrators":1},
      "security":{"ipControl":"High","preferredAddresses":["192.0.2.1","10.0.0.0/8"],
                  "prohibitedAddresses":["2001:db8::/32"]},"disabledClients":["CDI-1"]}"""
    settings = Settings.model_validate_json(text)
    assert settings.is_disabled("cdi-1")
    assert not settings.is_disabled("cdi-2")


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"licences": {"administrative": -1}}, "licences.administrative"),
        ({"licences": {"administrative": 1.5}}, "licences.administrative"),
        ({"licences": {"teachers": "5"}}, "licences.teachers"),
        ({"licences": {"teachers": True}}, "licences.teachers"),
        ({"licences": {"administrative": 1, "reservedForAdministrators": 2}}, "reservedForAdministrators"),
        ({"security": {"ipControl": "Secret-Value"}}, "security.ipControl"),
        ({"security": {"preferredAddresses": ["Secret-Value"]}}, "security.preferredAddresses"),
        ({"disabledClients": [""]}, "disabledClients"),
        ({"disabledClients": "Secret-Value"}, "disabledClients"),
        ([], ""),
    ],
)
def test_what_is_not_allowed_is_named_without_the_value(tmp_path: Path, part: object, field: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(part), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert field in str(caught.value)
    assert "Secret-Value" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"null", b" " * 2_000_000])
def test_what_is_no_settings_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError):
        load_settings(path)
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "absent.json")


def test_the_contracts_environment_is_read_and_the_version_defaults() -> None:
    config = server_config(GOOD)
    assert config.base.base_path == Path("/d/2026/base.sqlite")
    assert config.base.version == "0.0.0-dev"
    assert server_config(GOOD | {"PRONOTE_VERSION": "2026.2.5"}).base.version == "2026.2.5"


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(StartError, match=name) as caught:
        server_config({key: value for key, value in GOOD.items() if key != name})
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRONOTE_UAI", "0750001A"),
        ("PRONOTE_SCHOOL_YEAR", "../2026"),
        ("PRONOTE_SCHOOL_YEAR", "26"),
        ("PRONOTE_CLIENT_PORT", "0"),
        ("PRONOTE_ADMIN_PORT", "65536"),
        ("PRONOTE_ADMIN_PORT", "٣"),
    ],
)
def test_a_malformed_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(StartError, match=name):
        server_config(GOOD | {name: value})


@given(st.integers(0, 9_999_999), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_a_uai_has_exactly_one_letter(number: int, letter: str) -> None:
    assert is_valid_uai(f"{number:07d}{letter}") == (letter == UAI_LETTERS[number % 23])
