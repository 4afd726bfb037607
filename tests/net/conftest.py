"""A running server with the port for PRONOTE.net, and a relay in the place of its replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import Server, Volume
from tests.support.net_server import NetServer, prepare_net, site_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetServer]:
    """A running server with everything published, shared by the tests of a module."""
    server = new_net_server(tmp_path_factory.mktemp("volume"))
    yield server
    server.kill()


@pytest.fixture
def new_net(tmp_path: Path) -> Iterator[Callable[..., NetServer]]:
    """Start servers with everything published and further variables; they are ended after the test."""
    made: list[Server] = []

    def make(**extra: str) -> NetServer:
        server = new_net_server(tmp_path / str(len(made)), **extra)
        made.append(server)
        return server

    yield make
    for server in made:
        server.kill()


def new_net_server(root: Path, **extra: str) -> NetServer:
    """Start a server on a new volume."""
    root.mkdir(exist_ok=True)
    volume = Volume(root)
    volume.prepare()
    server = NetServer("pronote-server serve", volume, {**prepare_net(volume), **extra})
    server.start()
    server.publish(site_document())
    return server
