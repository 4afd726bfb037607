"""Which server is run through the suite, and a running one for each test module."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import Server, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEFAULT_COMMAND = "pronote-server serve"
DEFAULT_WRITER = "python -m tests.conformance.reference_writer"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose the server."""
    group = parser.getgroup("instance contract")
    group.addoption("--server-command", help=f"command that starts the server (default: {DEFAULT_COMMAND})")
    group.addoption("--server-writer", help="command that writes to the running server until it is stopped")


def _chosen(config: pytest.Config, option: str, variable: str, default: str) -> str:
    return config.getoption(option, default=None) or os.environ.get(variable) or default


@pytest.fixture(scope="session")
def command(pytestconfig: pytest.Config) -> str:
    """The server's command."""
    return _chosen(pytestconfig, "--server-command", "PRONOTE_SERVER_COMMAND", DEFAULT_COMMAND)


@pytest.fixture(scope="session")
def writer_command(pytestconfig: pytest.Config) -> str:
    """The command that makes the server write."""
    return _chosen(pytestconfig, "--server-writer", "PRONOTE_SERVER_WRITER", DEFAULT_WRITER)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """The volume of a new school."""
    volume = Volume(tmp_path)
    volume.prepare()
    return volume


@pytest.fixture
def new_server(command: str, volume: Volume) -> Iterator[Callable[..., Server]]:
    """Make servers on the volume, not started yet; whatever still runs is ended after the test."""
    made: list[Server] = []

    def make(**extra: str) -> Server:
        made.append(Server(command, volume, extra))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture(scope="module")
def server(command: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server, shared by the tests of a module."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.prepare()
    server = Server(command, volume)
    server.start()
    yield server
    server.kill()
