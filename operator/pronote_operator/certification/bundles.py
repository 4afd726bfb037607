"""Judging certificates that a person gives for trusting a server."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pronote_operator.errors import BundleError

MAX_CERTIFICATES = 64


def certificates(text: str, now: datetime) -> str:
    """The certificates in `text`, as PEM and nothing else: comments, and what else stood there, are left out.

    Args:
        text: as the person gave it.
        now: aware. At least one certificate must be valid then; others may be over, as in most bundles.
    Raises:
        BundleError: there is none, they are too many, one is not readable, or none is valid at `now`.
    """
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise BundleError("holds no certificates in PEM form (-----BEGIN CERTIFICATE-----)") from None
    if len(found) > MAX_CERTIFICATES:
        raise BundleError(f"holds {len(found)} certificates; at most {MAX_CERTIFICATES} are taken")
    if not any(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in found):
        if all(one.not_valid_after_utc < now for one in found):
            latest = max(one.not_valid_after_utc for one in found)
            raise BundleError(f"holds no certificate that is still valid: the last ended on {latest:%Y-%m-%d}")
        first = min(one.not_valid_before_utc for one in found if one.not_valid_after_utc >= now)
        raise BundleError(f"holds no certificate that is valid yet: the first begins on {first:%Y-%m-%d}")
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)
