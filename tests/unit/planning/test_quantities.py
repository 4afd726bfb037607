"""Quantities by value, and as the API server writes them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.quantities import InvalidQuantityError, canonical_quantity, quantity_value

suffixes = st.sampled_from(["", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E-2", "e0"])
numbers = st.integers(0, 10**6).map(str) | st.decimals(0, 10**4, places=3).map(str) | st.just(".5") | st.just("5.")
quantities = st.tuples(numbers, suffixes).map("".join)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("5Gi", "5Gi"), ("5120Mi", "5Gi"), ("1.5Gi", "1536Mi"), ("1024", "1024"), ("1024Ki", "1Mi"), ("512Ki", "512Ki"),
        ("0.5Ki", "512"), ("0", "0"), ("0Gi", "0"), ("1000m", "1"), ("0.5", "500m"), ("1500m", "1500m"), ("2.0", "2"),
        ("1000", "1k"), ("5000M", "5G"), ("0.1", "100m"), ("100u", "100u"), ("+5Gi", "5Gi"), ("1e3", "1e3"),
        ("1E", "1E"), ("1Ei", "1Ei"), ("2000e3", "2e6"), ("0.1n", "1n"),
    ],
)  # fmt: skip
def test_quantities_are_written_as_the_api_server_does(text: str, canonical: str) -> None:
    assert canonical_quantity(text) == canonical


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1000m"), ("1Gi", "1024Mi"), ("1G", "1000M"), ("0.5", "500m"), ("1e3", "1k")]
)
def test_equal_amounts_have_equal_values(one: str, other: str) -> None:
    assert quantity_value(one) == quantity_value(other)


def test_decimal_and_binary_units_differ() -> None:
    assert quantity_value("1Gi") > quantity_value("1G") == Fraction(10**9)


@pytest.mark.parametrize("text", ["", "5 Gi", "5gi", "Gi", "--5", "5KiB", "1e", "five", "5Gi\n", ".", "5K"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuantityError, match="5Gi"):
        quantity_value(text)


@given(quantities)
def test_the_canonical_form_has_the_same_value_and_is_final(text: str) -> None:
    canonical = canonical_quantity(text)
    assert quantity_value(canonical) == quantity_value(text)
    assert canonical_quantity(canonical) == canonical
