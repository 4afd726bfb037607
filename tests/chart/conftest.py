"""Renders the chart once for each mode."""

import pytest

from tests.chart.rendering import MODES, Manifest, render


@pytest.fixture(scope="session")
def cluster_wide() -> list[Manifest]:
    """The chart with its default values."""
    return render(*MODES["cluster-wide"])


@pytest.fixture(scope="session")
def namespaced() -> list[Manifest]:
    """The chart for two namespaces only."""
    return render(*MODES["namespaced"])


@pytest.fixture(params=sorted(MODES), scope="session")
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """The chart in each of its two modes."""
    return render(*MODES[request.param])
