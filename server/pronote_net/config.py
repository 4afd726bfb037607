"""The environment of a replica (docs/reference/net-api.md), checked once at start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pronote_server.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronote_server.addresses import Network

_SERVER: Final = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|https://\[[0-9a-fA-F:]{2,39}\](:[0-9]{1,5})?")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,63}){1,8}")

MAX_NETWORKS: Final = 256
"""More networks than any site's proxies have."""

MAX_HOPS: Final = 8
"""More proxies in a row than any site has."""


@dataclass(frozen=True)
class NetConfig:
    """Everything that `pronote-server net` reads from its environment.

    Attributes:
        listen: TCP port for visitors.
        status: TCP port for probes and metrics.
        server: Origin of the server's port for replicas.
        path: Path under which the pages are, without a slash at its end.
        token: File with the token.
        authority: File with the authority of the base's certificate.
        trusted: Networks of the proxies whose `X-Forwarded-For` is believed.
        hops: How many entries of it are read, from the right.
    """

    listen: int
    status: int
    server: str
    path: str
    token: Path
    authority: Path
    trusted: tuple[Network, ...]
    hops: int


def net_config(environment: Mapping[str, str]) -> NetConfig:
    """Read the environment.

    Raises:
        StartError: A variable is missing or malformed; names it and what is allowed.
    """
    server = _text(environment, "PRONOTE_NET_SERVER")
    if not _SERVER.fullmatch(server):
        raise StartError("PRONOTE_NET_SERVER must be an origin such as https://school-agent.schools.svc:8444.")
    path = environment.get("PRONOTE_NET_PATH") or "/pronote"
    if not _PATH.fullmatch(path):
        raise StartError("PRONOTE_NET_PATH must be a path such as /pronote, without a slash at its end.")
    listen = _number(environment, "PRONOTE_NET_LISTEN", 1, 65535, 8000)
    status = _number(environment, "PRONOTE_NET_STATUS", 1, 65535, 8080)
    if listen == status:
        raise StartError("PRONOTE_NET_LISTEN and PRONOTE_NET_STATUS must differ.")
    return NetConfig(
        listen=listen,
        status=status,
        server=server,
        path=path,
        token=Path(_text(environment, "PRONOTE_NET_TOKEN")),
        authority=Path(_text(environment, "PRONOTE_NET_CA")),
        trusted=_networks(environment.get("PRONOTE_NET_TRUSTED_PROXIES", "")),
        hops=_number(environment, "PRONOTE_NET_TRUSTED_HOPS", 1, MAX_HOPS, 1),
    )


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise StartError(f"{name} is not set.")
    return value


def _number(environment: Mapping[str, str], name: str, low: int, high: int, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise StartError(f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def _networks(text: str) -> tuple[Network, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        if len(parts) > MAX_NETWORKS:
            raise ValueError
        return tuple(ip_network(part) for part in parts)
    except ValueError:
        raise StartError(
            f"PRONOTE_NET_TRUSTED_PROXIES must be at most {MAX_NETWORKS} networks such as 10.0.0.0/8,fd00::/8."
        ) from None
