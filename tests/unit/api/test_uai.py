"""UAI: digits, letters, and what is said of a wrong one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.api.uai import UAI_LETTERS, UAI_PATTERN, is_uai, uai_letter, uai_problem

REGISTERED = (
    *("0750654D", "0752524L", "0920131T", "0210066H", "0740032H", "0730902J", "0210050R", "0911028Y", "0782540M"),
    *("0952236P", "0310047H", "0870003F", "0940072T", "9830002K", "6200001G", "9740001H", "9840001D"),
)

digits = st.integers(0, 9_999_999).map(lambda number: f"{number:07}")


@pytest.mark.parametrize("uai", REGISTERED)
def test_schools_of_the_register_are_valid(uai: str) -> None:
    assert uai_problem(uai) is None


@given(digits)
def test_seven_digits_have_exactly_one_letter(number: str) -> None:
    fitting = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if is_uai(number + letter)]

    assert fitting == [uai_letter(number)]
    assert re.fullmatch(UAI_PATTERN, number + fitting[0])


@given(digits, st.integers(0, 6), st.integers(1, 9))
def test_a_wrong_digit_is_noticed(number: str, place: int, distance: int) -> None:
    wrong = number[:place] + str((int(number[place]) + distance) % 10) + number[place + 1 :]

    # 23 is prime and does not divide d * 10**place for a distance d from 1 to 9.
    assert not is_uai(wrong + uai_letter(number))


@given(digits, st.integers(0, 5))
def test_two_neighbours_exchanged_are_noticed(number: str, place: int) -> None:
    exchanged = number[:place] + number[place + 1] + number[place] + number[place + 2 :]

    assert exchanged == number or not is_uai(exchanged + uai_letter(number))


@given(st.text(max_size=12))
def test_any_text_is_either_valid_or_has_a_problem_that_quotes_it(text: str) -> None:
    problem = uai_problem(text)

    assert is_uai(text) == (problem is None)
    assert problem is None or problem.startswith(f"{text} is not a valid UAI: ")


def test_the_problem_says_which_letter_belongs_there() -> None:
    assert uai_problem("0750001A") == "0750001A is not a valid UAI: the letter for 0750001 is U"


def test_the_letters_leave_out_what_is_easily_misread() -> None:
    assert len(UAI_LETTERS) == len(set(UAI_LETTERS)) == 23
    assert not set("IOQ") & set(UAI_LETTERS)


@pytest.mark.parametrize("text", ["", "075065", "07506544", "075065x", "٠٧٥٠٦٥٤", "0750654\n"])
def test_a_letter_is_given_for_seven_ascii_digits_only(text: str) -> None:
    with pytest.raises(ValueError, match="begins with 7 digits"):
        uai_letter(text)
