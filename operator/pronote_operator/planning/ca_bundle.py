"""Certificates that a person gives for trusting a CAS server: judged before they are handed on.

Trust is never widened: a bundle that cannot be used is refused, and neither the well-known authorities nor an unchecked
connection take its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pronote_operator.api.casdelegation import CaBundle
from pronote_operator.api.entcatalogue import MAX_BUNDLE_CHARACTERS
from pronote_operator.errors import ReferenceMissing, Unusable

MAX_CERTIFICATES = 64


class BundleError(ValueError):
    """The certificates cannot be used; the message says why, and has nothing of what was given but dates."""


def bundle_in(configmap: Mapping[str, Any] | None, wanted: CaBundle, now: datetime) -> str:
    """The certificates that a delegation names.

    Args:
        configmap: as the API gave it; None when there is none of that name.
        now: as for `certificates`.
    Raises:
        ReferenceMissing: there is no such ConfigMap.
        Unusable: it has no such key, or what is there cannot be used.
    """
    name = wanted.config_map_name
    if configmap is None:
        raise ReferenceMissing(f"spec.cas.caBundle: ConfigMap {name} does not exist in this namespace")
    data = configmap.get("data") or {}
    if wanted.key not in data:
        keys = ", ".join(sorted(data)[:5])
        there = f"it has: {keys}" if keys else "it has no text keys"
        raise Unusable("InvalidCaBundle", f"spec.cas.caBundle.key: ConfigMap {name} has no key {wanted.key}; {there}")
    try:
        return certificates(data[wanted.key], now)
    except BundleError as error:
        raise Unusable("InvalidCaBundle", f"spec.cas.caBundle: key {wanted.key} of ConfigMap {name} {error}") from error


def certificates(text: str, now: datetime) -> str:
    """The certificates in `text`, as PEM and nothing else: comments, and what else stood there, are left out.

    Args:
        text: as the person gave it.
        now: aware. At least one certificate must be valid then; others may be over, as in most bundles.
    Raises:
        BundleError: there is none, they are too many or too long, one is not readable, or none is valid at `now`.
    """
    if len(text) > MAX_BUNDLE_CHARACTERS:
        raise BundleError(f"is longer than {MAX_BUNDLE_CHARACTERS} characters; give the CAS server's authority only")
    if "PRIVATE KEY-----" in text:
        raise BundleError("holds a private key; give certificates only, and change that key: it may have been read")
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
