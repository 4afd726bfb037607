"""Kubernetes quantities: their value, and the form in which the API server gives them back.

Source of the rules: k8s.io/apimachinery `resource.Quantity` (a value is kept exactly down to 10⁻⁹, rounded up below;
it is written without fraction, with the largest suffix that leaves an integer).
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_QUANTITY = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,3})?")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_NANO = Fraction(1, 10**9)


class InvalidQuantityError(ValueError):
    """A text that is not a Kubernetes quantity."""


@lru_cache(maxsize=4096)
def quantity_value(text: str) -> Fraction:
    """The exact value of a quantity (bytes, cores…), rounded up to a multiple of 10⁻⁹ as the API server does.

    Raises:
        InvalidQuantityError: `text` is not a quantity.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise InvalidQuantityError(f"{text!r} is not a quantity; write one as in 5Gi, 500m or 2")
    sign, number, suffix = match.groups()
    value = Fraction(number) * _multiplier(suffix or "")
    nanos = -((-value) // _NANO)
    return (-1 if sign == "-" else 1) * nanos * _NANO


@lru_cache(maxsize=4096)
def canonical_quantity(text: str) -> str:
    """The form in which the API server gives back the quantity `text`: `5120Mi` is `5Gi`, `0.5` is `500m`.

    Raises:
        InvalidQuantityError: `text` is not a quantity.
    """
    value = quantity_value(text)
    suffix = text.lstrip("+-0123456789.")
    if suffix not in _DECIMAL and suffix[:1] in ("e", "E") and suffix != "Ei":
        return _exponent_form(value)
    if suffix.endswith("i") and abs(value) >= 1024 and value.denominator == 1:
        return _reduced(value.numerator, 1024, _BINARY)
    return _reduced(int(value / _NANO), 1000, _DECIMAL)


def _multiplier(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(1024) ** _BINARY.index(suffix)
    if suffix in _DECIMAL:
        return Fraction(1000) ** (_DECIMAL.index(suffix) - 3)
    return Fraction(10) ** int(suffix[1:])


def _reduced(number: int, base: int, suffixes: tuple[str, ...]) -> str:
    """`number` with the largest of `suffixes` (each `base` times the one before) that leaves an integer."""
    if number == 0:
        return "0"
    position = 0
    while number % base == 0 and position < len(suffixes) - 1:
        number //= base
        position += 1
    return f"{number}{suffixes[position]}"


def _exponent_form(value: Fraction) -> str:
    number, exponent = int(value / _NANO), -9
    while number and number % 1000 == 0 and exponent < 18:
        number //= 1000
        exponent += 3
    return f"{number}e{exponent}" if number and exponent else f"{number}"
