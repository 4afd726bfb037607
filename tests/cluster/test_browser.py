"""A browser without a screen on the pages of a published base, without a mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_cluster import addresses
from tests.cluster.espaces import Town, town
from tests.cluster.gateways import DOMAIN, Front
from tests.cluster.stage import Stage
from tests.espaces import by_browser
from tests.espaces.by_browser import Person
from tests.support.browser import Browser, browser


@pytest.fixture(scope="module")
def here(stage: Stage, front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The school; the last tests leave its Espaces to the ENT."""
    with town(stage, front, tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture(scope="module")
def screen(here: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The one browser."""
    authorities = [here.front.ca_file, here.cas.ca_file]
    with browser(tmp_path_factory.mktemp("browser"), authorities, {f"*.{DOMAIN}": addresses.NODE_IP}) as screen:
        yield screen


@pytest.fixture
def person(here: Town, screen: Browser, tmp_path: Path) -> Person:
    """Somebody whom no site knows."""
    screen.forget()
    return Person(screen, here.site, tmp_path)


@pytest.fixture(scope="module")
def ent(here: Town) -> None:
    """An ENT is in front from now on."""
    here.delegate()


@pytest.mark.parametrize("reads", by_browser.READING)
def test_who_logs_in_reads_all_of_the_own_and_nothing_else(person: Person, reads: Callable[[Person], None]) -> None:
    reads(person)


def test_the_staff_sees_who_is_connected(person: Person) -> None:
    by_browser.the_staff_sees_who_is_connected(person)


@pytest.mark.parametrize("is_told", by_browser.BEING_TOLD)
def test_who_may_not_is_told_so(person: Person, is_told: Callable[[Person], None]) -> None:
    is_told(person)


@pytest.mark.usefixtures("ent")
@pytest.mark.parametrize("reads", by_browser.READING)
def test_who_comes_from_the_ent_reads_the_same(person: Person, reads: Callable[..., None]) -> None:
    reads(person, by_ent=True)


@pytest.mark.usefixtures("ent")
def test_a_session_that_ended_is_opened_again_by_the_ent(person: Person) -> None:
    by_browser.a_session_that_ended_is_opened_again_by_the_ent(person)
