"""The ciphers of the web protocol: AES-128 in CBC mode with keys and initial vectors made by MD5.

Public clients fix the choice. It adds nothing to TLS, under which alone the protocol is served: see `verifiers` for how
passwords are kept safe nevertheless.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK: Final = 16
"""Bytes of one block, of a key and of an initial vector."""

NO_VECTOR: Final = bytes(BLOCK)
"""Initial vector of a session until its client has sent its own."""


class CipherError(Exception):
    """Bytes that this key and vector did not encrypt."""


def md5(content: bytes) -> bytes:
    """Return the MD5 of some bytes, as the protocol makes keys and vectors."""
    return hashlib.md5(content, usedforsecurity=False).digest()


NO_KEY: Final = md5(b"")
"""Key of a session until a password has proved itself."""


def encrypt(key: bytes, vector: bytes, content: bytes) -> bytes:
    """Pad and encrypt."""
    padder = PKCS7(BLOCK * 8).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()


def decrypt(key: bytes, vector: bytes, content: bytes) -> bytes:
    """Decrypt and take the padding away.

    Raises:
        CipherError: The length or the padding is not what encryption makes.
    """
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    unpadder = PKCS7(BLOCK * 8).unpadder()
    try:
        padded = decryptor.update(content) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise CipherError from None
