"""What the TLS Secret of a base holds; how it is made is in `certification`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Certificates:
    """The parts, each PEM text. It has no repr: keys do not belong in logs."""

    leaf: str
    leaf_key: str
    authority: str
    authority_key: str
