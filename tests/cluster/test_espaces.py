"""pronotepy, unmodified, on a published base: real replicas behind a real gateway, and a real CAS server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cluster.espaces import Town, town
from tests.cluster.gateways import Front
from tests.cluster.stage import Stage
from tests.espaces import by_client
from tests.espaces.site import Site
from tests.support.ent import ent_of


@pytest.fixture(scope="module")
def here(stage: Stage, front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The school, whose pupils, parents and teachers come from an ENT or by a password."""
    with town(stage, front, tmp_path_factory.mktemp("town")) as made:
        made.delegate()
        yield made


@pytest.mark.parametrize("reads", by_client.READING)
def test_who_logs_in_reads_all_of_the_own_and_nothing_else(here: Town, reads: Callable[..., None]) -> None:
    reads(here.site)


@pytest.mark.parametrize("reads", by_client.READING)
def test_who_comes_from_the_ent_reads_the_same(here: Town, reads: Callable[..., None]) -> None:
    reads(here.site, ent_of(here.cas))


@pytest.mark.parametrize("is_told", by_client.BEING_TOLD)
def test_who_may_not_is_told_as_the_client_expects(here: Town, is_told: Callable[[Site], None]) -> None:
    is_told(here.site)


def test_a_session_that_ended_is_opened_again_through_the_ent(here: Town) -> None:
    by_client.a_session_that_ended_is_opened_again(here.site, ent_of(here.cas))
