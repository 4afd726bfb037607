"""The challenge: whoever knows the password meets it, in the way of either generation of clients."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.web.challenge import client_key, new_challenge, password_digest
from pronote_server.web.cipher import CipherError, decrypt, encrypt, md5

VECTOR = md5(b"vector")


def _of_today(key: bytes, text: str) -> str:
    return encrypt(key, VECTOR, text.encode()).hex()


def _of_before(key: bytes, text: str) -> str:
    plain = decrypt(key, VECTOR, bytes.fromhex(text)).decode()
    return encrypt(key, VECTOR, plain[::2].encode()).hex()


@given(st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=256))
def test_both_generations_meet_the_challenge_with_the_right_password(name: str, password: str) -> None:
    key = client_key(name, password_digest("ABCDEF", password))
    challenge = new_challenge(key, VECTOR)
    assert challenge.is_met_by(_of_today(key, challenge.text))
    assert challenge.is_met_by(_of_today(key, challenge.text).upper())
    assert challenge.is_met_by(_of_before(key, challenge.text))


def test_another_password_meets_it_in_no_way() -> None:
    challenge = new_challenge(client_key("name", password_digest("A", "right")), VECTOR)
    wrong = client_key("name", password_digest("A", "wrong"))
    assert not challenge.is_met_by(_of_today(wrong, challenge.text))
    # What another key deciphers has no end as it should be, or is, one time in some hundred, no text.
    with suppress(CipherError, UnicodeDecodeError):
        assert not challenge.is_met_by(_of_before(wrong, challenge.text))


@given(st.text(max_size=600))
def test_any_other_answer_is_wrong(response: str) -> None:
    assert not new_challenge(client_key("name", "digest"), VECTOR).is_met_by(response)


def test_no_challenge_is_sent_twice() -> None:
    key = client_key("name", "digest")
    assert len({new_challenge(key, VECTOR).text for _ in range(100)}) == 100


def test_what_is_printed_of_a_challenge_gives_nothing_away() -> None:
    key = client_key("name", "digest")
    challenge = new_challenge(key, VECTOR)
    assert challenge.answers[0] not in repr(challenge)
    assert repr(key) not in repr(challenge)


@pytest.mark.parametrize(("alea", "password"), [("", "secret"), ("AB", "secret")])
def test_a_digest_is_capital_hexadecimal(alea: str, password: str) -> None:
    digest = password_digest(alea, password)
    assert len(digest) == 64
    assert digest == digest.upper()
