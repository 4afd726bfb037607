"""The style sheet's colours can be read: WCAG 2.1, 1.4.3, in the light and in the dark scheme."""

from __future__ import annotations

import re

import pytest

from pronote_net.assets import STYLE

PAIRS = [
    ("ink", "ground"),
    ("ink", "paper"),
    ("ink", "mark"),
    ("quiet", "ground"),
    ("quiet", "paper"),
    ("quiet", "mark"),
    ("link", "ground"),
    ("link", "paper"),
    ("on-brand", "brand"),
    ("alert", "alert-ground"),
]


def schemes() -> list[dict[str, str]]:
    """The colours of each scheme."""
    blocks = re.findall(r":root \{([^}]*)\}", STYLE.content.decode())
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block)) for block in blocks]
    return [colours for colours in found if "link" in colours and "alert" in colours]


def luminance(colour: str) -> float:
    """Relative luminance."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[number : number + 2], 16) / 255 for number in (0, 2, 4)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_there_are_two_schemes() -> None:
    assert len(schemes()) == 2


@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_contrast(ink: str, ground: str) -> None:
    for colours in schemes():
        light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colours
