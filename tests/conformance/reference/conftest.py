"""The reference server, for tests of its Client protocol and of the Client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.harness import Server, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
COMMAND = "pronote-server serve"


@pytest.fixture(scope="session")
def command() -> str:
    """Always the reference server."""
    return COMMAND


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    """A reference server of one test."""
    volume = Volume(tmp_path)
    volume.prepare()
    server = Server(COMMAND, volume)
    server.start()
    yield server
    server.kill()


def _user(server: Server, *words: str, password: str = "") -> None:
    program = Path(sys.executable).with_name("pronote-server")
    subprocess.run(
        [program, "user", *words],
        env=server.environment,
        input=password + "\n",
        text=True,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def user_command() -> Callable[..., None]:
    """Run `pronote-server user …` on a server's base."""
    return _user


@pytest.fixture
def add_user() -> Callable[..., None]:
    """Add a user with `pronote-server user add`."""

    def add(server: Server, username: str, password: str, *options: str) -> None:
        _user(server, "add", username, "--password-stdin", *options, password=password)

    return add
