"""Volumes of an expandable class grow when their claim asks for more, and only then."""

import pytest

from local_cluster.api import Manifest
from local_cluster.volume_growth import quantity, wanted_size


@pytest.mark.parametrize(
    ("text", "amount"),
    [("5", 5), ("1k", 1000), ("1Ki", 1024), ("1.5Gi", 1.5 * 1024**3), ("2e3", 2000), ("3M", 3 * 10**6)],
)
def test_quantities_are_read_as_kubernetes_does(text: str, amount: float) -> None:
    assert quantity(text) == amount


def test_nonsense_is_no_quantity() -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity("much")


def _claim(requested: str, actual: str | None, volume: str | None = "pvc-1") -> Manifest:
    return {
        "spec": {"resources": {"requests": {"storage": requested}}, "volumeName": volume},
        "status": {"capacity": {"storage": actual}} if actual else {},
    }


def test_a_claim_that_asks_for_more_grows() -> None:
    assert wanted_size(_claim("2Gi", "1Gi")) == "2Gi"


@pytest.mark.parametrize(
    "claim",
    [
        _claim("1Gi", "1Gi"),
        _claim("1024Mi", "1Gi"),
        _claim("1Gi", "2Gi"),
        _claim("1Gi", None),
        _claim("2Gi", "1Gi", ""),
    ],
)
def test_other_claims_stay(claim: Manifest) -> None:
    assert wanted_size(claim) is None
