"""The strength rule for a superadministrator's password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.passwords import MINIMUM_LENGTH, RULE, character_classes, weakness


@pytest.mark.parametrize(
    "password", ["Abcdefghijk1", "abcdefghijk1-", "ABCDEFGHIJ1!", "éÉ..........", "Correct horse 7"]
)
def test_a_strong_password_is_accepted(password: str) -> None:
    assert weakness("superadmin", password) is None


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "only 0 characters"),
        ("Abcdefghij1", "only 11 characters"),
        ("abcdefghijklmnop", "too few kinds"),
        ("abcdefghijk1", "too few kinds"),
        ("            ", "too few kinds"),
        ("Superadmin-2026", "contains the user name"),
        ("xx-SUPERADMIN-1a", "contains the user name"),
    ],
)
def test_a_weak_password_is_refused_with_the_rule(password: str, why: str) -> None:
    reason = weakness("superadmin", password)
    assert reason is not None
    assert why in reason
    assert RULE in reason


def test_an_empty_user_name_is_contained_in_nothing() -> None:
    assert weakness("", "Abcdefghijk1") is None


@given(st.text(max_size=40), st.text(min_size=3, max_size=40))
def test_the_reason_follows_from_the_rule_and_never_shows_the_password(username: str, password: str) -> None:
    reason = weakness(username, password)
    strong = (
        len(password) >= MINIMUM_LENGTH
        and character_classes(password) >= 3
        and not (username and username.casefold() in password.casefold())
    )
    assert (reason is None) == strong
    if reason is not None and len(password) > 8:
        assert password not in reason
