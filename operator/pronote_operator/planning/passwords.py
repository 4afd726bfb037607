"""The rule for a superadministrator's name and password (instance contract v1: a server refuses what breaks it)."""

from __future__ import annotations

import re
import unicodedata

MINIMUM_LENGTH = 12
"""Shortest password accepted, in characters."""

MINIMUM_CLASSES = 3
"""How many of the four classes of characters must occur."""

MAXIMUM_NAME_LENGTH = 64
"""Longest name accepted, in characters."""

MAXIMUM_BYTES = 1024
"""Longest value that a server reads, in bytes."""

RULE = (
    f"a password has at least {MINIMUM_LENGTH} characters, of at least {MINIMUM_CLASSES} of the four kinds "
    "lower-case letter, upper-case letter, digit and other, and does not contain the user name"
)

_LOWER, _UPPER, _DIGIT = "a-zà-öø-ÿ", "A-ZÀ-ÖØ-Þ", "0-9"
"""Letters are those of French keyboards; those of other scripts count as other, as they do for the server."""
_CLASSES = tuple(re.compile(f"[{part}]") for part in (_LOWER, _UPPER, _DIGIT, f"^{_LOWER}{_UPPER}{_DIGIT}"))


def superadmin_problem(username: bytes | None, password: bytes | None) -> str | None:
    """What a server would refuse in a Secret with these values; None when it takes them. Never shows a value.

    One line end at the end of a value does not count: `echo` and editors leave it there.

    Args:
        username: the value under `username`, decoded from base64; None when the key is missing.
        password: likewise under `password`.
    """
    texts: dict[str, str] = {}
    for key, value in (("username", username), ("password", password)):
        if not value:
            return f"the key {key} is missing or empty"
        if len(value) > MAXIMUM_BYTES:
            return f"the value of {key} is longer than {MAXIMUM_BYTES} bytes"
        try:
            texts[key] = value.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            return f"the value of {key} is not UTF-8 text"
    name = unicodedata.normalize("NFC", texts["username"].strip())
    if not 1 <= len(name) <= MAXIMUM_NAME_LENGTH or not name.isprintable():
        return f"the user name must have 1 to {MAXIMUM_NAME_LENGTH} printable characters"
    return weakness(texts["username"], texts["password"])


def weakness(username: str, password: str) -> str | None:
    """Why `password` is too weak for `username`, with the rule in words; None when it is strong enough.

    The text never repeats the password. The user name is looked for without regard to case.
    """
    if len(password) < MINIMUM_LENGTH:
        return f"the password has only {len(password)} characters: {RULE}"
    if character_classes(password) < MINIMUM_CLASSES:
        return f"the password mixes too few kinds of characters: {RULE}"
    if username and username.casefold() in password.casefold():
        return f"the password contains the user name: {RULE}"
    return None


def character_classes(password: str) -> int:
    """How many of the four classes (lower case, upper case, digit, other) occur in `password`."""
    return sum(pattern.search(password) is not None for pattern in _CLASSES)
