"""User names: what is one, and when two are the same."""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_LENGTH: Final = 64
"""Longest user name, characters."""


def username_key(username: str) -> str | None:
    """Return what user names are compared by, or None when `username` is none.

    Two names are the same when they differ only in the case of letters or in how accents are encoded: a keyboard on a
    Mac and one on Windows write the same name differently.
    """
    name = unicodedata.normalize("NFC", username.strip())
    if not 1 <= len(name) <= MAX_LENGTH or not name.isprintable():
        return None
    return unicodedata.normalize("NFC", name.casefold())
