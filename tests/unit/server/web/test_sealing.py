"""Verifiers: opened with the key of the base and for the password in force only."""

from __future__ import annotations

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pronote_server.web.challenge import password_digest
from pronote_server.web.sealing import Sealer

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA"
SEALER = Sealer(bytes(32))


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_verifier_gives_what_the_protocol_needs(name: str, password: str) -> None:
    verifier = SEALER.seal(name, HASH, password)
    assert SEALER.open(name, HASH, verifier) == password_digest(SEALER.alea(name), password)


def test_it_opens_for_nobody_else_nor_after_the_password_or_the_key_changed() -> None:
    verifier = SEALER.seal("durand", HASH, "Correct-Horse-7")
    assert SEALER.open("dupont", HASH, verifier) is None
    assert SEALER.open("durand", HASH + "x", verifier) is None
    assert Sealer(secrets.token_bytes(32)).open("durand", HASH, verifier) is None


@given(st.binary(max_size=100))
def test_any_other_bytes_open_nothing(verifier: bytes) -> None:
    assert SEALER.open("durand", HASH, verifier) is None


def test_it_holds_neither_the_password_nor_what_stands_for_it() -> None:
    verifier = SEALER.seal("durand", HASH, "Correct-Horse-7")
    digest = password_digest(SEALER.alea("durand"), "Correct-Horse-7")
    assert b"Correct-Horse-7" not in verifier
    assert bytes.fromhex(digest) not in verifier


def test_the_alea_of_a_name_stays_the_same_and_differs_from_base_to_base() -> None:
    assert SEALER.alea("nobody") == SEALER.alea("nobody")
    assert SEALER.alea("nobody") != SEALER.alea("somebody")
    assert SEALER.alea("nobody") != Sealer(b"1" * 32).alea("nobody")
