"""What pronotepy, unmodified, reads in a whole made-up school, and what it is told when it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.espaces import by_client
from tests.espaces.on_loopback import loopback_site
from tests.espaces.site import Site
from tests.support.cas_server import CasServer
from tests.support.ent import ent_of, trusting
from tests.support.net_server import NetServer


@pytest.fixture(scope="module")
def found(net: NetServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, CasServer]]:
    folder = tmp_path_factory.mktemp("espaces")
    with loopback_site(net, folder) as (site, cas), trusting(folder / "bundle.pem", cas.ca_file):
        yield site, cas


@pytest.mark.parametrize("reads", by_client.READING)
def test_who_logs_in_reads_all_of_the_own_and_nothing_else(
    found: tuple[Site, CasServer], reads: Callable[..., None]
) -> None:
    reads(found[0])


@pytest.mark.parametrize("reads", by_client.READING)
def test_who_comes_from_the_ent_reads_the_same(found: tuple[Site, CasServer], reads: Callable[..., None]) -> None:
    site, cas = found
    reads(site, ent_of(cas))


@pytest.mark.parametrize("is_told", by_client.BEING_TOLD)
def test_who_may_not_is_told_as_the_client_expects(
    found: tuple[Site, CasServer], is_told: Callable[[Site], None]
) -> None:
    is_told(found[0])


def test_a_session_that_ended_is_opened_again_through_the_ent(found: tuple[Site, CasServer]) -> None:
    site, cas = found
    by_client.a_session_that_ended_is_opened_again(site, ent_of(cas))
