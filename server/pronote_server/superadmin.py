"""The superadministrator: two files, the source of truth, re-read when they change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pronote_server.passwords import weakness
from pronote_server.usernames import username_key

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1024
"""Largest of the two files."""


@dataclass(frozen=True)
class Credentials:
    """What the two files hold. The password is not part of the representation, so that no log can show it."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class SuperAdmin:
    """The superadministrator in force.

    Attributes:
        username: The name as it is shown.
        key: The name as it is compared.
        password_hash: argon2id hash, made when the files were read.
    """

    username: str
    key: str
    password_hash: str = field(repr=False)


class CredentialsError(Exception):
    """The files cannot be used; the message says why and holds neither name nor password."""


def load_credentials(folder: Path) -> Credentials:
    """Read `username` and `password`; one line end at the end of each is left out.

    Raises:
        CredentialsError: A file is missing, empty, too large, no UTF-8, or the password is weak.
    """
    username = _read(folder / "username")
    password = _read(folder / "password")
    if username_key(username) is None:
        raise CredentialsError("The superadministrator's name must have 1 to 64 printable characters.")
    weak = weakness(username, password)
    if weak is not None:
        raise CredentialsError(f"The superadministrator's password is refused. {weak}")
    return Credentials(username, password)


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"The superadministrator's {path.name} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise CredentialsError(f"The superadministrator's {path.name} is larger than {MAX_BYTES} bytes.")
    try:
        return content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise CredentialsError(f"The superadministrator's {path.name} is not UTF-8.") from None
