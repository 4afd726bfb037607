"""How the data of messages is coded: as the page of a session tells its client."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Coding:
    """How the data of messages is coded.

    Attributes:
        encrypted: With the session's key (`CrA` in a page).
        compressed: By raw deflate (`CoA` in a page), before it is encrypted.
    """

    encrypted: bool
    compressed: bool

    @property
    def plain(self) -> bool:
        """Neither."""
        return not (self.encrypted or self.compressed)


class CodingName(StrEnum):
    """What `PRONOTE_NET_CODING` may be."""

    CLEAR = "clear"
    COMPRESSED = "compressed"
    ENCRYPTED = "encrypted"
    BOTH = "both"

    @property
    def coding(self) -> Coding:
        """The coding of that name."""
        return Coding(
            encrypted=self in (CodingName.ENCRYPTED, CodingName.BOTH),
            compressed=self in (CodingName.COMPRESSED, CodingName.BOTH),
        )
