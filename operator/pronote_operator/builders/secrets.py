"""The Secrets of a base. Their content is made once and then kept: a builder fills in only what is missing.

Values come from the existing Secret as the API gives it (`data`, base64). Randomness is passed in, so that the callers'
tests are exact; the operator passes functions of the standard library's `secrets`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from pronote_operator.builders.certificates import Certificates
from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.names import (
    AGENT_TOKEN_KEY,
    ANNOTATION_UAI,
    CA_KEY,
    NET_KEYS,
    SNAPSHOT_KEY_KEY,
    SUPERADMIN_KEYS,
    TLS_KEYS,
)

SUPERADMIN_USERNAME = "superadmin"

Data = Mapping[str, str]
"""`data` of a Secret: base64 text by key."""

_LOWER = "abcdefghijkmnpqrstuvwxyz"
_UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS = "23456789"
_ALPHABET = _LOWER + _UPPER + _DIGITS
"""Without the characters that are mistaken for each other on paper (l 1 I, o 0 O)."""
_GROUP = 6
_TOKEN_BYTES = 32


def generated_password(randbelow: Callable[[int], int]) -> str:
    """A password of four groups of six characters, easy to copy from paper, that meets the strength rule.

    Groups are shorter than the user name, so that it can never occur; each class of characters has a place of its own,
    so that none can be missing. More than 120 bits of randomness.

    Args:
        randbelow: a random integer from 0 up to, not including, its argument (`secrets.randbelow`).
    """

    def group(first: str) -> str:
        return "".join(chars[randbelow(len(chars))] for chars in (first, *[_ALPHABET] * (_GROUP - 1)))

    return "-".join(group(first) for first in (_LOWER, _UPPER, _DIGITS, _ALPHABET))


def superadmin_secret(ctx: BuildContext, existing: Data | None, randbelow: Callable[[int], int]) -> Manifest | None:
    """The superadministrator's name and password; None when the spec names a Secret of its own.

    What the existing Secret holds is kept, also what a person put there.
    """
    if ctx.base.spec.super_admin.secret_name is not None:
        return None
    username_key, password_key = SUPERADMIN_KEYS
    data = {
        username_key: _kept(existing, username_key) or _encoded(SUPERADMIN_USERNAME),
        password_key: _kept(existing, password_key) or _encoded(generated_password(randbelow)),
    }
    return _secret(ctx.metadata(ctx.names.superadmin_secret), data)


def agent_secret(ctx: BuildContext, existing: Data | None, token_bytes: Callable[[int], bytes]) -> Manifest:
    """The bearer token by which the operator proves itself to the agent: 256 random bits, in hexadecimal."""
    data = {AGENT_TOKEN_KEY: _kept(existing, AGENT_TOKEN_KEY) or _encoded(token_bytes(_TOKEN_BYTES).hex())}
    return _secret(ctx.metadata(ctx.names.agent_secret), data)


def snapshot_key_secret(ctx: BuildContext, existing: Data | None, token_bytes: Callable[[int], bytes]) -> Manifest:
    """The passphrase that encrypts the snapshots. It outlives the base, as the volumes do, unless they go too.

    Like them it says whose data it opens, so that the base of another school under the same name never takes it up.
    """
    data = {SNAPSHOT_KEY_KEY: _kept(existing, SNAPSHOT_KEY_KEY) or _encoded(token_bytes(_TOKEN_BYTES).hex())}
    metadata = ctx.metadata(
        ctx.names.snapshot_key_secret, owned=ctx.deletes_data, annotations={ANNOTATION_UAI: ctx.base.spec.uai}
    )
    return _secret(metadata, data)


def net_secret(ctx: BuildContext, existing: Data | None, token_bytes: Callable[[int], bytes]) -> Manifest:
    """What replicas of PRONOTE.net show to the server, and the key that seals what the base keeps for the web protocol.

    Without that key every person would need a new password, so it outlives the base as the volumes do.
    """
    token, verifier = NET_KEYS
    data = {
        token: _kept(existing, token) or _encoded(token_bytes(_TOKEN_BYTES).hex()),
        verifier: _kept(existing, verifier) or _encoded(base64.b64encode(token_bytes(_TOKEN_BYTES)).decode()),
    }
    metadata = ctx.metadata(
        ctx.names.net_secret, owned=ctx.deletes_data, annotations={ANNOTATION_UAI: ctx.base.spec.uai}
    )
    return _secret(metadata, data)


def tls_secret(ctx: BuildContext, certificates: Certificates) -> Manifest:
    """The server's certificate and key, and the authority that signed it, with its key for renewals."""
    data = {
        TLS_KEYS[0]: _encoded(certificates.leaf),
        TLS_KEYS[1]: _encoded(certificates.leaf_key),
        TLS_KEYS[2]: _encoded(certificates.authority),
        CA_KEY: _encoded(certificates.authority_key),
    }
    return _secret(ctx.metadata(ctx.names.tls_secret), data)


def decoded(data: Data | None, key: str) -> str | None:
    """The text under `key`, or None when it is missing, empty, or not base64 of UTF-8."""
    try:
        text = base64.b64decode((data or {}).get(key) or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, TypeError):
        return None
    return text or None


def certificates_in(data: Data | None) -> Certificates | None:
    """The certificates that a TLS Secret holds, unjudged; None when a part is missing."""
    parts = [decoded(data, key) for key in (*TLS_KEYS, CA_KEY)]
    leaf, leaf_key, authority, authority_key = parts
    if leaf is None or leaf_key is None or authority is None or authority_key is None:
        return None
    return Certificates(leaf=leaf, leaf_key=leaf_key, authority=authority, authority_key=authority_key)


def _kept(existing: Data | None, key: str) -> str | None:
    return (existing or {}).get(key) if decoded(existing, key) else None


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _secret(metadata: dict[str, Any], data: dict[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
