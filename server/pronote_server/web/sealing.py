"""Verifiers: what the web protocol needs of a password, sealed.

The protocol's challenge needs `UPPER(sha256(alea + password))`, which an argon2 hash cannot give, and which is worth as
much as the password. So it is kept beside the hash, sealed (AES-256-GCM) with a key that is not in the base: a stolen
base or snapshot gives nobody a password-equivalent. The seal is bound to the user and to the argon2 hash, so that it
opens no more once the password is another one, and serves nobody else's row.

A name's alea is a function of the key and of the name, for users and for names that nobody has: it tells nobody which
names exist, today or when compared with last month's.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pronote_server.web.challenge import password_digest

NONCE_BYTES: Final = 12
"""Length of a seal's nonce (NIST SP 800-38D); random, for one seal per user and change of password."""


class Sealer:
    """Makes and opens verifiers.

    Args:
        key: 32 random bytes, of this base alone.
    """

    def __init__(self, key: bytes) -> None:
        self._seal = AESGCM(_derived(key, "seal"))
        self._alea = _derived(key, "alea")

    def alea(self, username_key: str) -> str:
        """Return the alea of a name, whether a user has it or not."""
        text = username_key.encode("utf-8", "surrogatepass")
        return hmac.digest(self._alea, text, "sha256")[:16].hex().upper()

    def seal(self, username_key: str, password_hash: str, password: str) -> bytes:
        """Make the verifier of a password that was presented and is right, or has just been set."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        digest = password_digest(self.alea(username_key), password)
        return nonce + self._seal.encrypt(nonce, bytes.fromhex(digest), _bound_to(username_key, password_hash))

    def open(self, username_key: str, password_hash: str, verifier: bytes) -> str | None:
        """Return what stands for the password, or None when the key or the password has changed since."""
        nonce, sealed = verifier[:NONCE_BYTES], verifier[NONCE_BYTES:]
        try:
            return self._seal.decrypt(nonce, sealed, _bound_to(username_key, password_hash)).hex().upper()
        except (InvalidTag, ValueError):
            return None


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"pronote-net {purpose} 1".encode(), "sha256")


def _bound_to(username_key: str, password_hash: str) -> bytes:
    name = username_key.encode("utf-8", "surrogatepass")
    return hashlib.sha256(name).digest() + hashlib.sha256(password_hash.encode()).digest()
