"""Secrets and ConfigMaps as volumes of a pod: named keys only, readable by the pod's group."""

from __future__ import annotations

from typing import Any

SECRET_MODE = 0o440
"""Files of Secrets belong to root and to the pod's group, which reads them."""


def secret_volume(name: str, secret: str, *keys: str) -> dict[str, Any]:
    """Only the named keys, and never by subPath: the kubelet then brings changes into the running pod."""
    return {
        "name": name,
        "secret": {"secretName": secret, "defaultMode": SECRET_MODE, "items": key_items(*keys)},
    }


def key_items(*keys: str) -> list[dict[str, str]]:
    """Each key as a file of its name."""
    return [{"key": key, "path": key} for key in keys]
