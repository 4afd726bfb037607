"""The visitor's address behind trusted proxies.

Each proxy appends the address that it was reached from to `X-Forwarded-For`. So the header is read from its end, and an
entry is believed only when the address that it came from is one of a trusted proxy: whatever somebody else wrote stands
to the left of that somebody's own address and is never looked at. `Forwarded` and all other headers are ignored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pronote_server.addresses import Address, Network, is_in, parse_address

if TYPE_CHECKING:
    from collections.abc import Sequence

_BRACKETED: Final = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?")
_WITH_PORT: Final = re.compile(r"([0-9.]{7,15}):[0-9]{1,5}")


def visitor_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network], hops: int) -> Address:
    """Return the address of the visitor.

    Args:
        peer: Address at the other end of the connection.
        forwarded: The values of every `X-Forwarded-For` header, in their order.
        trusted: Networks of the proxies.
        hops: At most that many entries are read.

    Raises:
        ValueError: `peer` is no address.
    """
    address = parse_address(peer)
    entries = [entry for value in forwarded for entry in value.split(",")]
    for entry in entries[: -hops - 1 : -1]:
        if not is_in(address, trusted):
            break
        found = _parse_entry(entry.strip(" \t"))
        if found is None:
            break
        address = found
    return address


def _parse_entry(text: str) -> Address | None:
    """Parse an entry: an address, perhaps with a port (some proxies write one)."""
    match = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    bare = match[1] if match else text
    # A zone (`fe80::1%eth0`) means something on the proxy only.
    if "%" in bare:
        return None
    try:
        return parse_address(bare)
    except ValueError:
        return None
