"""The school's national number (UAI, formerly RNE): seven digits and a check letter."""

from __future__ import annotations

import re
from typing import Final

UAI_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""Check letters in the order of the remainder by 23 (I, O and Q are left out)."""


def is_valid_uai(text: str) -> bool:
    """Tell whether `text` is seven ASCII digits followed by their check letter."""
    return bool(re.fullmatch(r"[0-9]{7}[A-Z]", text)) and UAI_LETTERS[int(text[:7]) % 23] == text[7]
