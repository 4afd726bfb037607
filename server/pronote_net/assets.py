"""The style sheet and the script: named by what is in them, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One file.

    Attributes:
        name: With the digest of the content in it.
        media_type: Value of Content-Type.
    """

    name: str
    media_type: str
    content: bytes


def _load(name: str) -> Asset:
    content = files("pronote_net").joinpath("static", name).read_bytes()
    stem, _, kind = name.partition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"{stem}.{digest}.{kind}", _TYPES[kind], content)


STYLE: Final = _load("style.css")
SCRIPT: Final = _load("page.js")
ICON: Final = _load("icon.svg")

BY_NAME: Final = {asset.name: asset for asset in (STYLE, SCRIPT, ICON)}
