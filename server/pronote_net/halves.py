"""A secret in two halves, each of which says nothing: the page has one, the browser's cookie the other. Pure.

Whoever sees a page, or copies one of its forms, does not have what the form is good for; nor does whoever is at the
same browser but not at the page.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

MAX_SECRET: Final = 128
"""Longest secret, bytes: as the server's links."""

HALF: Final = re.compile(rf"(?:[0-9a-f]{{2}}){{1,{MAX_SECRET}}}")


def split(secret: str) -> tuple[str, str]:
    """Return the halves of a secret, hexadecimal digits: random bytes, and the secret's bytes changed by them.

    Args:
        secret: 1 to MAX_SECRET characters of ASCII.

    Raises:
        ValueError: It is none.
    """
    plain = secret.encode("ascii")
    if not 0 < len(plain) <= MAX_SECRET:
        raise ValueError("a secret that cannot be halved")
    kept = secrets.token_bytes(len(plain))
    return _mixed(plain, kept).hex(), kept.hex()


def joined(shown: str, kept: str) -> str:
    """Return the secret; empty when these cannot be its halves."""
    if len(shown) != len(kept) or not HALF.fullmatch(shown) or not HALF.fullmatch(kept):
        return ""
    found = _mixed(bytes.fromhex(shown), bytes.fromhex(kept))
    return found.decode() if found.isascii() else ""


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
