"""Accounts for the people of a made-up school: names, first passwords, and the file that tells them."""

from __future__ import annotations

import csv
import os
import secrets
import string
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pronote_server.names import name_key
from pronote_server.passwords import new_hasher, weakness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PASSWORD_LENGTH: Final = 14
PASSWORD_CHARACTERS: Final = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))
"""Without characters that look alike."""


@dataclass(frozen=True)
class Account:
    """An account to be made.

    Attributes:
        pupil: Place among the pupils, or None; so is `person` among the people.
        role: Name of the Espace.
    """

    username: str
    display_name: str
    role: str
    pupil: int | None
    person: int | None
    password: str = field(repr=False)


def user_names(people: Sequence[tuple[str, str]]) -> list[str]:
    """Return a user name for each first and last name, no two the same."""
    taken: dict[str, int] = {}
    names = []
    for first, last in people:
        plain = f"{name_key(first)[:1]}{name_key(last)}"
        plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()[:40] or "u"
        taken[plain] = taken.get(plain, 0) + 1
        names.append(plain if taken[plain] == 1 else f"{plain}.{taken[plain]}")
    return names


def new_password(username: str) -> str:
    """Return a strong random password; never made from the seed."""
    while True:
        password = "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(PASSWORD_LENGTH))
        if weakness(username, password) is None:
            return password


def hashes(accounts: Sequence[Account]) -> Iterator[str]:
    """Hash the passwords, in their order, on every core: argon2 works without the interpreter's lock."""
    hasher = new_hasher()
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        yield from threads.map(lambda account: hasher.hash(account.password), accounts)


def write_accounts(path: Path, accounts: Sequence[Account]) -> None:
    """Write the file that tells the passwords: new, and for its owner only.

    Raises:
        OSError: It is there already, or cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["username", "password", "espace", "displayName"])
        writer.writerows([one.username, one.password, one.role, one.display_name] for one in accounts)
        file.flush()
        os.fsync(file.fileno())
