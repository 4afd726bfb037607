"""IP addresses: how a peer's address is written, grouped and matched against lists."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

IPV6_GROUP: Final = 64
"""A site holds a whole /64 and can take any address in it, so that wrong logins are counted per /64."""


def parse_address(text: str) -> Address:
    """Parse an address; an IPv4 peer of a dual-stack socket (`::ffff:192.0.2.1`) is the IPv4 address.

    Raises:
        ValueError: `text` is no address.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def group_of(address: Address) -> str:
    """Return what wrong logins are counted by: the IPv4 address, or the IPv6 /64."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, IPV6_GROUP), strict=False))


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of the networks."""
    return any(address.version == network.version and address in network for network in networks)
