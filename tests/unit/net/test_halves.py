"""A secret in two halves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_net.halves import MAX_SECRET, joined, split

ASCII = st.text(st.characters(max_codepoint=127), min_size=1, max_size=MAX_SECRET)


@given(ASCII)
def test_the_halves_give_the_secret(secret: str) -> None:
    assert joined(*split(secret)) == secret


def test_a_half_is_another_each_time_and_fits_no_other() -> None:
    first, second = split("the-link-of-somebody"), split("the-link-of-somebody")
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert joined(first[0], second[1]) != "the-link-of-somebody"


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_a_visitor_makes_up_does_no_harm(shown: str, kept: str) -> None:
    assert joined(shown, kept).isascii()


@pytest.mark.parametrize(
    ("shown", "kept"),
    [("", ""), ("ab", ""), ("", "ab"), ("ab", "abcd"), ("AB", "ab"), ("a", "b"), ("xx", "ab"), ("ff", "00")],
)
def test_what_are_no_halves_give_nothing(shown: str, kept: str) -> None:
    assert joined(shown, kept) == ""


@pytest.mark.parametrize("secret", ["", "é", "x" * (MAX_SECRET + 1)])
def test_what_cannot_be_halved(secret: str) -> None:
    with pytest.raises(ValueError, match=r"ascii|halved"):
        split(secret)
