"""The challenge by which a client proves that it knows a password without sending it. Pure.

The client's key is `md5(name + HASH)` with `HASH = UPPER(sha256(alea + password))`; for a one-time login of an ENT
there is neither name nor alea. The server sends hexadecimal digits: a random text, encrypted with that key. Clients of
September 2026 and later encrypt those digits themselves; earlier ones decrypt the text, keep every other character, and
encrypt the rest. Both answers are right.

Whoever asks for a challenge can try passwords against it without asking again: so the protocol is made. Suspended
addresses do not help against that; long passwords do.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from pronote_server.web.cipher import encrypt, md5

MAX_ANSWER_DIGITS = 256
"""Longest answer, hexadecimal digits; the right ones have 64 and 224."""


@dataclass(frozen=True)
class Challenge:
    """One challenge and its right answers.

    Attributes:
        text: What the client is sent.
        key: The key that the client must have; `cle` is encrypted with it.
        answers: The right answers, hexadecimal digits.
    """

    text: str
    key: bytes = field(repr=False)
    answers: tuple[str, str] = field(repr=False)

    def is_met_by(self, response: str) -> bool:
        """Tell whether a client's answer is right. Takes the same time for every answer of the same length."""
        if len(response) > MAX_ANSWER_DIGITS or not response.isascii():
            return False
        given = response.lower().encode()
        found = [hmac.compare_digest(given, right.encode()) for right in self.answers]
        return any(found)


def password_digest(alea: str, password: str) -> str:
    """Return what stands for a password in the protocol: capital hexadecimal digits."""
    return hashlib.sha256((alea + password).encode("utf-8", "surrogatepass")).hexdigest().upper()


def client_key(name: str, digest: str) -> bytes:
    """Return the key of a client that knows the password behind `digest`; `name` as the client wrote it."""
    return md5((name + digest).encode("utf-8", "surrogatepass"))


def new_challenge(key: bytes, vector: bytes) -> Challenge:
    """Make a challenge for a client that must have `key`, in a session with that initial vector."""
    plain = secrets.token_hex(16)
    text = encrypt(key, vector, plain.encode()).hex()
    answers = (
        encrypt(key, vector, text.encode()).hex(),
        encrypt(key, vector, plain[::2].encode()).hex(),
    )
    return Challenge(text, key, answers)
