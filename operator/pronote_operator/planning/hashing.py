"""One canonical text per value, and hashes of it that are the same in every process and release of Python."""

from __future__ import annotations

import hashlib
import json
import marshal
from typing import Any

DIGEST_BYTES = 16
"""Length of a digest: 128 bits, far beyond chance collisions, and short enough for an annotation."""


def canonical_json(value: Any) -> str:
    """The JSON text that depends on the content of `value` alone: sorted keys, no spaces, non-ASCII as it is.

    Raises:
        TypeError: `value` holds something that JSON has no form for.
        ValueError: `value` holds NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def text_hash(text: str) -> str:
    """A stable hexadecimal hash of `text` (its UTF-8 bytes; lone surrogates are hashed too, not refused)."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()


def stable_hash(value: Any) -> str:
    """A stable hexadecimal hash of a JSON value: the same for equal values, whatever the order of their keys."""
    return text_hash(canonical_json(value))


def fingerprint(value: Any) -> bytes:
    """A digest of a JSON value for use within one process, at a tenth of the cost of `stable_hash`.

    Different values have different ones. Equal values have the same when they are built alike: the order of keys
    counts, and so does whether a list is a tuple.

    Raises:
        TypeError: `value` holds something that JSON has no form for.
    """
    try:
        # Format 2 depends on the value alone; later ones also on how often its parts are referred to.
        text = marshal.dumps(value, 2)
    except ValueError:
        # A subclass, such as a member of an enumeration.
        text = canonical_json(value).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest()
