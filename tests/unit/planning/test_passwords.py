"""The strength rule for a superadministrator's password."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.passwords import MINIMUM_LENGTH, RULE, character_classes, superadmin_problem, weakness
from pronote_server.superadmin import CredentialsError, load_credentials


@pytest.mark.parametrize(
    "password", ["Abcdefghijk1", "abcdefghijk1-", "ABCDEFGHIJ1!", "éÉ..........", "Correct horse 7", "άβγδεζηθικλA1"]
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
        ("ПАРОЛЬпароль1", "too few kinds"),
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


@pytest.mark.parametrize(
    ("username", "password", "problem"),
    [
        (None, b"Abcdefghijk1", "the key username is missing or empty"),
        (b"admin", None, "the key password is missing or empty"),
        (b"admin", b"", "the key password is missing or empty"),
        (b"\n", b"Abcdefghijk1", "1 to 64 printable characters"),
        (b"a" * 65, b"Abcdefghijk1", "1 to 64 printable characters"),
        (b"ad\x00min", b"Abcdefghijk1", "1 to 64 printable characters"),
        (b"admin", b"Abcdefghij1\n", "only 11 characters"),
        (b"admin", b"\xff" * 20, "the value of password is not UTF-8"),
        (b"admin", b"Ab1" * 400, "longer than 1024 bytes"),
    ],
)
def test_what_the_server_would_refuse_is_said(username: bytes | None, password: bytes | None, problem: str) -> None:
    assert problem in (superadmin_problem(username, password) or "")


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_end_is_not_part_of_a_value(end: bytes) -> None:
    assert superadmin_problem(b"admin" + end, b"Abcdefghijk1" + end) is None


@given(st.text(max_size=70), st.text(max_size=70))
def test_the_server_draws_the_same_line(username: str, password: str) -> None:
    values = username.encode("utf-8", "ignore"), password.encode("utf-8", "ignore")
    with tempfile.TemporaryDirectory() as folder:
        for name, value in zip(("username", "password"), values, strict=True):
            Path(folder, name).write_bytes(value)
        try:
            load_credentials(Path(folder))
            accepted = True
        except CredentialsError:
            accepted = False
    assert (superadmin_problem(*values) is None) == accepted
