"""Certificates that a person gives for trusting a CAS server, as far as they need not be read (see `certification`).

Trust is never widened: a bundle that cannot be used is refused, and neither the well-known authorities nor an unchecked
connection take its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pronote_operator.api.casdelegation import CaBundle
from pronote_operator.api.entcatalogue import MAX_BUNDLE_CHARACTERS
from pronote_operator.errors import BundleError, ReferenceMissing, Unusable


def bundle_in(configmap: Mapping[str, Any] | None, wanted: CaBundle) -> str:
    """The text that a delegation names, not judged.

    Args:
        configmap: as the API gave it; None when there is none of that name.
    Raises:
        ReferenceMissing: there is no such ConfigMap.
        Unusable: it has no such key.
    """
    name = wanted.config_map_name
    if configmap is None:
        raise ReferenceMissing(f"spec.cas.caBundle: ConfigMap {name} does not exist in this namespace")
    data = configmap.get("data") or {}
    if wanted.key not in data:
        keys = ", ".join(sorted(data)[:5])
        there = f"it has: {keys}" if keys else "it has no text keys"
        raise Unusable("InvalidCaBundle", f"spec.cas.caBundle.key: ConfigMap {name} has no key {wanted.key}; {there}")
    text: str = data[wanted.key]
    return text


def refused_bundle(wanted: CaBundle, error: BundleError) -> Unusable:
    """What is said of a delegation whose certificates cannot be used."""
    where = f"key {wanted.key} of ConfigMap {wanted.config_map_name}"
    return Unusable("InvalidCaBundle", f"spec.cas.caBundle: {where} {error}")


def check_bundle_text(text: str) -> None:
    """Refuse what need not be read: it is not handed on to be judged.

    Raises:
        BundleError: the text is too long, or holds a private key.
    """
    if len(text) > MAX_BUNDLE_CHARACTERS:
        raise BundleError(f"is longer than {MAX_BUNDLE_CHARACTERS} characters; give the CAS server's authority only")
    if "PRIVATE KEY-----" in text:
        raise BundleError("holds a private key; give certificates only, and change that key: it may have been read")
