"""Passwords: the rule, and the same work for every login."""

from __future__ import annotations

import asyncio
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server import passwords
from pronote_server.passwords import Busy, PasswordPool, check_password, new_hasher, weakness

CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!-_ €漢")


@given(
    st.lists(st.sampled_from(range(4)), min_size=12, max_size=40),
    st.data(),
)
def test_twelve_characters_of_three_classes_are_strong_no_less(classes: list[int], data: st.DataObject) -> None:
    password = "".join(data.draw(st.sampled_from(CLASSES[number])) for number in classes)
    assert (weakness("", password) is None) == (len(set(classes)) >= 3)
    assert weakness("", password[:11]) is not None


@given(st.text(min_size=1, max_size=20).filter(lambda name: name.casefold() in f"aA1!{name}aA1!aA1!".casefold()))
def test_a_password_with_the_user_name_in_it_is_weak_in_any_case_of_letters(name: str) -> None:
    assert weakness(name, f"aA1!{name}aA1!aA1!") is not None
    assert weakness(name.upper(), f"aA1!{name.upper()}aA1!aA1!") is not None


@given(st.text(max_size=30), st.text(max_size=60))
def test_the_reason_never_holds_the_password(name: str, password: str) -> None:
    reason = weakness(name, password)
    if reason is not None and len(password) > 20:
        assert password not in reason


@pytest.mark.parametrize("password", ["Correct-Horse-7-Battery", "écoleÉCOLE2026", "motdepasse-2026"])
def test_strong_ones(password: str) -> None:
    assert weakness("principale", password) is None


def test_hashes_are_argon2id_with_the_documented_parameters() -> None:
    assert new_hasher().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not check_password(new_hasher(), "not a hash", "x")


async def test_an_unknown_user_costs_the_same_hash_and_is_never_right() -> None:
    pool = PasswordPool()
    done: list[str] = []
    original = passwords.check_password

    def spy(hasher: object, stored: str, password: str) -> bool:
        done.append(stored)
        return original(new_hasher(), stored, password)

    passwords.check_password = spy
    try:
        assert not await pool.check(None, "anything")
        known = new_hasher().hash("right")
        assert await pool.check(known, "right")
        assert not await pool.check(known, "wrong")
    finally:
        passwords.check_password = original
        pool.close()
    assert [stored.rsplit("$", 2)[0] for stored in done] == ["$argon2id$v=19$m=19456,t=2,p=1"] * 3


async def test_logins_past_the_bound_are_busy_and_the_servers_own_checks_wait() -> None:
    pool = PasswordPool()
    stored = new_hasher().hash("right")
    waiting = [asyncio.create_task(pool.check(stored, "wrong")) for _ in range(passwords.MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await pool.check(stored, "right")
    assert await pool.check(stored, "right", bounded=False)
    assert not any(await asyncio.gather(*waiting))
    assert await pool.check(stored, "right")
    pool.close()


def test_outdated_parameters_are_noticed() -> None:
    from argon2 import PasswordHasher

    pool = PasswordPool()
    assert pool.is_outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))
    assert not pool.is_outdated(new_hasher().hash("x"))
    pool.close()
