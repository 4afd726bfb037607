"""The rule for a superadministrator's password (instance contract v1: a server refuses a weaker one)."""

from __future__ import annotations

MINIMUM_LENGTH = 12
"""Shortest password accepted, in characters."""

MINIMUM_CLASSES = 3
"""How many of the four classes of characters must occur."""

RULE = (
    f"a password has at least {MINIMUM_LENGTH} characters, of at least {MINIMUM_CLASSES} of the four kinds "
    "lower-case letter, upper-case letter, digit and other, and does not contain the user name"
)


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
    lower = any(character.islower() for character in password)
    upper = any(character.isupper() for character in password)
    digit = any(character.isdigit() for character in password)
    other = any(not (c.islower() or c.isupper() or c.isdigit()) for c in password)
    return lower + upper + digit + other
