"""Names of persons: when two are the same."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae"})


@lru_cache(maxsize=8192)
def name_key(name: str) -> str:
    """Return what names of persons are compared by: case, accents, spaces, hyphens and apostrophes do not count."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold().translate(_LIGATURES))
    return "".join(character for character in decomposed if character.isalnum())
