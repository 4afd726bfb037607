"""Secrets are made once and then kept."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.builders.certificates import Certificates
from pronote_operator.builders.secrets import (
    SUPERADMIN_USERNAME,
    agent_secret,
    certificates_in,
    decoded,
    generated_password,
    snapshot_key_secret,
    superadmin_secret,
    tls_secret,
)
from pronote_operator.planning.passwords import character_classes, weakness
from tests.unit.builders.children import CERTIFICATES, context


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@given(st.data())
def test_a_generated_password_is_strong_whatever_the_dice_say(data: st.DataObject) -> None:
    password = generated_password(lambda below: data.draw(st.integers(0, below - 1)))
    assert len(password) >= 20
    assert character_classes(password) == 4
    assert weakness(SUPERADMIN_USERNAME, password) is None


def test_generated_passwords_differ() -> None:
    assert len({generated_password(secrets.randbelow) for _ in range(1000)}) == 1000


def test_a_superadministrator_is_generated_once() -> None:
    first = superadmin_secret(context(), None, secrets.randbelow)
    assert first is not None
    assert decoded(first["data"], "username") == SUPERADMIN_USERNAME
    assert superadmin_secret(context(), first["data"], secrets.randbelow) == first


def test_a_password_of_a_person_is_kept_and_what_is_missing_is_filled_in() -> None:
    manifest = superadmin_secret(context(), {"password": encoded("chosen"), "note": "x"}, secrets.randbelow)
    assert manifest is not None
    assert manifest["data"] == {"username": encoded(SUPERADMIN_USERNAME), "password": encoded("chosen")}


def test_a_secret_that_the_spec_names_is_not_ours_to_make() -> None:
    ctx = context({"superAdmin": {"secretName": "ours"}})
    assert superadmin_secret(ctx, None, secrets.randbelow) is None
    assert ctx.superadmin_secret == "ours"


@pytest.mark.parametrize("build", [agent_secret, snapshot_key_secret])
def test_a_token_has_256_bits_and_is_kept(build: Callable[..., dict[str, dict[str, str]]]) -> None:
    first = build(context(), None, secrets.token_bytes)
    ((key, value),) = first["data"].items()
    assert len(bytes.fromhex(base64.b64decode(value).decode())) == 32
    assert build(context(), first["data"], secrets.token_bytes) == first
    assert build(context(), {key: ""}, secrets.token_bytes)["data"] != first["data"]


def test_certificates_come_back_from_their_secret() -> None:
    manifest = tls_secret(context(), CERTIFICATES)
    assert certificates_in(manifest["data"]) == CERTIFICATES


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key", "ca.crt", "ca.key"])
def test_an_incomplete_set_of_certificates_is_none(missing: str) -> None:
    data = tls_secret(context(), CERTIFICATES)["data"]
    assert certificates_in({key: value for key, value in data.items() if key != missing}) is None
    assert certificates_in(data | {missing: ""}) is None
    assert certificates_in(None) is None


def test_keys_do_not_show_in_a_representation() -> None:
    assert "KEY" not in repr(Certificates("LEAF", "KEY", "CA", "KEY"))


@pytest.mark.parametrize("value", ["%%%", "/w==", "a", None])
def test_what_is_no_text_in_base64_counts_as_missing(value: str | None) -> None:
    assert decoded({"key": value}, "key") is None  # type: ignore[dict-item]
