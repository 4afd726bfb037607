"""The folder `PRONOTE_NET`: the token that replicas show, and the key that seals verifiers."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES: Final = 32
"""Length of the key of the folder `PRONOTE_NET`."""

MIN_TOKEN_CHARACTERS: Final = 16
"""Shortest token that is taken for one."""

GRACE_SECONDS: Final = 120.0
"""How long the earlier token is still believed: a kubelet brings a change to replicas and server at different times."""

MAX_FILE_BYTES: Final = 1024
"""Largest file with a key or a token."""


class KeyFileError(Exception):
    """The file cannot be used; the message says why and never holds its content."""


def read_verifier_key(folder: Path) -> bytes:
    """Read `verifier-key`: 32 bytes in base64.

    Raises:
        KeyFileError: It is missing, or something else.
    """
    text = _read(folder / "verifier-key")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyFileError("verifier-key is not base64.") from None
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"verifier-key must be {KEY_BYTES} bytes in base64.")
    return key


def read_token(folder: Path) -> bytes:
    """Read `token`: what replicas show.

    Raises:
        KeyFileError: It is missing or too short.
    """
    token = _read(folder / "token")
    if len(token) < MIN_TOKEN_CHARACTERS:
        raise KeyFileError(f"token must have {MIN_TOKEN_CHARACTERS} characters or more.")
    return token


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{path.name} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise KeyFileError(f"{path.name} is larger than {MAX_FILE_BYTES} bytes.")
    return content.strip()


class AcceptedTokens:
    """The token in force and, for a while, the one before. Times are of the monotonic clock, seconds."""

    def __init__(self) -> None:
        self._present: bytes | None = None
        self._earlier: bytes | None = None
        self._until = 0.0

    def put_in_force(self, token: bytes, monotonic: float) -> None:
        """Take a token, which may be the one in force."""
        if token != self._present:
            self._earlier, self._until = self._present, monotonic + GRACE_SECONDS
            self._present = token

    def accept(self, shown: bytes, monotonic: float) -> bool:
        """Tell whether a token may be believed."""
        present = self._present is not None and hmac.compare_digest(shown, self._present)
        earlier = self._earlier is not None and hmac.compare_digest(shown, self._earlier)
        return present or (earlier and monotonic < self._until)
