"""One canonical text per value, and hashes of it that are the same in every process and release of Python."""

from __future__ import annotations

import hashlib
import json
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
