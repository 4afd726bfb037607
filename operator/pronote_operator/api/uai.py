"""The UAI (unité administrative immatriculée, formerly RNE): the number of a school in the French national register.

Seven digits, the first three being the department, and a check letter: the remainder of the digits by 23 picks one of
23 letters. I, O and Q are left out, for they are easily misread. 0210066H, 0750654D and 9830002K are valid.
"""

import re
from typing import Final

UAI_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
UAI_PATTERN: Final = "^[0-9]{7}[A-HJ-NPR-Z]$"

_UAI = re.compile("[0-9]{7}[A-HJ-NPR-Z]", re.ASCII)
_DIGITS = re.compile("[0-9]{7}", re.ASCII)


def uai_letter(digits: str) -> str:
    """Return the check letter that belongs to the seven `digits` of a UAI.

    Raises:
        ValueError: `digits` is not exactly seven ASCII digits.
    """
    if not _DIGITS.fullmatch(digits):
        raise ValueError(f"a UAI begins with 7 digits, not {digits!r}")
    return UAI_LETTERS[int(digits) % len(UAI_LETTERS)]


def uai_problem(text: str) -> str | None:
    """Return what is wrong with `text` as a UAI, in a sentence that says what is allowed; None when it is valid."""
    if not _UAI.fullmatch(text):
        return f"{text} is not a valid UAI: 7 digits and an upper-case letter other than I, O and Q, such as 0750654D"
    letter = uai_letter(text[:7])
    if letter != text[7]:
        return f"{text} is not a valid UAI: the letter for {text[:7]} is {letter}"
    return None


def is_uai(text: str) -> bool:
    """Return whether `text` is a UAI with the right check letter."""
    return uai_problem(text) is None
