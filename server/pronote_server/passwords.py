"""Passwords: the rule for a strong one, and argon2id hashing in a bounded pool of threads.

Parameters: argon2id with m = 19 MiB, t = 2, p = 1, the first choice of the OWASP Password Storage Cheat Sheet
(https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). RFC 9106's 64 MiB would let two
logins at once take 128 MiB in a pod that otherwise needs about 50; with two threads the pool needs 38 MiB at most,
however many people log in, and two cores hash some 50 passwords a second.
"""

from __future__ import annotations

import asyncio
import ctypes
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MEMORY_KIB: Final = 19456
"""Memory of one hash, KiB (19 MiB)."""

PASSES: Final = 2
"""Passes over that memory."""

LANES: Final = 1
"""Parallel lanes of one hash; parallelism comes from the threads."""

HASH_THREADS: Final = 2
"""Hashes at the same time: bounds memory and leaves a core to the rest."""

MAX_WAITING: Final = 64
"""Hashes waiting or running, beyond which a login is answered `Busy`: about two seconds of work."""

MIN_LENGTH: Final = 12
"""Shortest strong password, characters."""

MIN_CLASSES: Final = 3
"""Of lower case, upper case, digit, other: how many a strong password uses."""


class Busy(Exception):  # noqa: N818 - an answer, not a fault
    """Too many passwords are being checked already."""


def weakness(username: str, password: str) -> str | None:
    """Say why a password is weak, or return None for a strong one. The sentence never holds the password."""
    if len(password) < MIN_LENGTH:
        return f"The password has fewer than {MIN_LENGTH} characters."
    classes = (r"[a-zà-öø-ÿ]", r"[A-ZÀ-ÖØ-Þ]", r"[0-9]", r"[^a-zà-öø-ÿA-ZÀ-ÖØ-Þ0-9]")
    if sum(bool(re.search(one, password)) for one in classes) < MIN_CLASSES:
        return f"The password uses fewer than {MIN_CLASSES} of: lower case, upper case, digits, other characters."
    if username and username.casefold() in password.casefold():
        return "The password contains the user name."
    return None


def new_hasher() -> PasswordHasher:
    """Return a hasher with the parameters above."""
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def check_password(hasher: PasswordHasher, stored: str, password: str) -> bool:
    """Tell whether `password` is the one that was hashed into `stored`."""
    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


M_MMAP_THRESHOLD: Final = -3
"""Parameter of glibc's `mallopt`."""


def return_hash_memory() -> None:
    """Have glibc give the memory of every hash back to the system at once.

    By default glibc learns from the first freed block to keep blocks of that size: each thread would then hold its
    19 MiB for ever, in every school's pod. Without glibc nothing is done.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1024 * 1024)


class PasswordPool:
    """Hashes and checks passwords in two threads, so that the loop never waits for them."""

    def __init__(self) -> None:
        self._hasher = new_hasher()
        self._threads = ThreadPoolExecutor(HASH_THREADS, thread_name_prefix="argon2")
        self._pending = 0
        self._decoy = self._hasher.hash(secrets.token_urlsafe(24))

    async def hash(self, password: str) -> str:
        """Hash a password."""
        return await self._run(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str, *, bounded: bool = True) -> bool:
        """Check a password against a stored hash.

        Args:
            stored: The hash, or None when there is no such user: the same work is then done on a hash that no password
                matches, so that the time taken does not tell which user names exist.
            password: What the person typed.
            bounded: Refuse when too many are waiting. The server's own checks wait their turn instead.

        Raises:
            Busy: `MAX_WAITING` are pending.
        """
        if bounded and self._pending >= MAX_WAITING:
            raise Busy
        matches = await self._run(check_password, self._hasher, stored or self._decoy, password)
        return matches and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._pending -= 1
