"""Which requests the agent passes on to the server's admin API. Everything else does not exist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Names of checkpoints and ids of connections. Begins with a letter or digit, so never ``.`` or ``..``."""

_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}")
"""IPv4 and IPv6; the server says whether it is one."""

_RULES: Final = (
    ("GET", "/v1/info", None),
    ("POST", "/v1/checkpoint", None),
    ("DELETE", "/v1/checkpoint", _NAME),
    ("GET", "/v1/connections", None),
    ("DELETE", "/v1/connections", _NAME),
    ("GET", "/v1/blocked-addresses", None),
    ("DELETE", "/v1/blocked-addresses", _ADDRESS),
    ("GET", "/v1/site", None),
    ("PUT", "/v1/site", None),
)

CHECKPOINT_SECONDS: Final = 900.0
"""A large base takes minutes to copy."""

ANSWER_SECONDS: Final = 20.0
"""Everything else."""

BODY_BYTES: Final = 64 << 10
"""No other request of the admin API has a large body."""

SITE_BYTES: Final = 512 << 10
"""A site document with many delegations, each with a bundle of certificates."""


@dataclass(frozen=True)
class Allowed:
    """A request that may be passed on.

    Args:
        path: to which; built anew here and never copied from the caller.
        seconds: within which the server must answer.
        body_bytes: what the body may have.
        document: whether the body must be a JSON object.
    """

    method: str
    path: str
    seconds: float
    body_bytes: int = BODY_BYTES
    document: bool = False


@dataclass(frozen=True)
class MethodNotAllowed:
    """The path exists for other methods."""

    methods: tuple[str, ...]


def decide(method: str, target: str) -> Allowed | MethodNotAllowed | None:
    """Look a request up.

    Args:
        method: as sent.
        target: the request target as sent: not decoded, not normalised, with its query if it has one.

    Returns:
        What to send to the server, or why not; None when there is no such path (a query makes a path unknown).
    """
    found = {rule_method: path for rule_method, prefix, last in _RULES if (path := _path(target, prefix, last))}
    if method in found:
        return _allowed(method, found[method])
    return MethodNotAllowed(tuple(sorted(found))) if found else None


def _allowed(method: str, path: str) -> Allowed:
    match method, path:
        case "POST", "/v1/checkpoint":
            return Allowed(method, path, CHECKPOINT_SECONDS)
        case "PUT", _:
            return Allowed(method, path, ANSWER_SECONDS, SITE_BYTES, document=True)
    return Allowed(method, path, ANSWER_SECONDS)


def _path(target: str, prefix: str, last: re.Pattern[str] | None) -> str | None:
    """The path to send for a target that a rule fits."""
    if last is None:
        return prefix if target == prefix else None
    parent, _, segment = target.rpartition("/")
    # Decoded once, and then free of every character that a second decoding or a file system would read otherwise.
    value = unquote(segment)
    return f"{prefix}/{quote(value, safe='')}" if parent == prefix and last.fullmatch(value) else None
