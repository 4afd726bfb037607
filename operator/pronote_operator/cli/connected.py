"""Connections of a base as the plugin shows and chooses them: pure, from what the server answered."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pronote_operator.cli.queries import RefusedError


class _Answer(BaseModel):
    """A part of a server's answer; members that are not known are kept, for programs."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)


class Connection(_Answer):
    """One connection on the server. `espace` is empty for Clients, and `machine` in a browser."""

    id: str
    application: str
    mode: str
    espace: str = ""
    username: str = ""
    machine: str = ""
    address: str = ""
    connected_time: AwareDatetime
    last_seen_time: AwareDatetime


class Places(_Answer):
    """Places of a licence."""

    used: int
    limit: int
    reserved: int = 0


class Connections(_Answer):
    """Who is connected, the longest first, and the places of the licences."""

    connections: tuple[Connection, ...]
    licences: dict[str, Places] = Field(default_factory=dict)


class BlockedAddress(_Answer):
    """A suspended address or, for IPv6, a whole site."""

    address: str
    prefix_length: int
    until: AwareDatetime

    @property
    def text(self) -> str:
        """The address, with the length of its prefix when it stands for others too."""
        try:
            alone = self.prefix_length == ipaddress.ip_address(self.address).max_prefixlen
        except ValueError:
            alone = False
        return self.address if alone else f"{self.address}/{self.prefix_length}"


class _Blocked(_Answer):
    blocked_addresses: tuple[BlockedAddress, ...]


@dataclass(frozen=True)
class Choice:
    """Which connections are meant; what is empty leaves nothing out. Upper and lower case of names are the same."""

    ids: Collection[str] = ()
    applications: Collection[str] = ()
    modes: Collection[str] = ()
    espaces: Collection[str] = ()
    user: str | None = None
    machine: str | None = None

    def of(self, connections: Sequence[Connection]) -> tuple[Connection, ...]:
        """The connections that are meant, in the order in which they come."""
        return tuple(connection for connection in connections if self._means(connection))

    def missing(self, connections: Sequence[Connection]) -> tuple[str, ...]:
        """The ids that no connection has."""
        there = {connection.id for connection in connections}
        return tuple(wanted for wanted in self.ids if wanted not in there)

    def _means(self, connection: Connection) -> bool:
        return (
            (not self.ids or connection.id in self.ids)
            and (not self.applications or connection.application in self.applications)
            and (not self.modes or connection.mode in self.modes)
            and (not self.espaces or connection.espace in self.espaces)
            and (self.user is None or connection.username.casefold() == self.user.casefold())
            and (self.machine is None or connection.machine.casefold() == self.machine.casefold())
        )


def connections_in(answer: dict[str, Any]) -> Connections:
    """Read the answer to `GET /v1/connections`.

    Raises:
        RefusedError: it is not what the instance contract says.
    """
    try:
        return Connections.model_validate(answer)
    except ValidationError as error:
        raise _not_understood("connections", error) from None


def blocked_in(answer: dict[str, Any]) -> tuple[BlockedAddress, ...]:
    """Read the answer to `GET /v1/blocked-addresses`; the one that is released last comes last.

    Raises:
        RefusedError: it is not what the instance contract says.
    """
    try:
        found = _Blocked.model_validate(answer).blocked_addresses
    except ValidationError as error:
        raise _not_understood("blocked addresses", error) from None
    return tuple(sorted(found, key=lambda blocked: (blocked.until, blocked.address)))


def address_of(text: str) -> str:
    """The address to release, written as `blocked` shows it: alone, or with the length of its prefix.

    Raises:
        RefusedError: it is no IP address.
    """
    try:
        return str(ipaddress.ip_address(text.partition("/")[0]))
    except ValueError:
        raise RefusedError(f"{text!r} is no IP address; write it as kubectl pronote blocked shows it") from None


def counted(connections: Sequence[Connection]) -> str:
    """How many there are, and of which application: `12 connections (Client 3, PRONOTE.net 9)`."""
    applications = Counter(connection.application for connection in connections)
    parts = ", ".join(f"{name} {count}" for name, count in sorted(applications.items()))
    return f"{number(len(connections), 'connection')} ({parts})" if parts else "no connection"


def number(count: int, noun: str) -> str:
    """`1 connection`, `2 connections`, `2 addresses`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def span(duration: dt.timedelta) -> str:
    """A duration in at most two units, as kubectl shows ages: `42s`, `12m`, `3h12m`, `2d4h`; never below 0."""
    seconds = max(0, int(duration.total_seconds()))
    for unit, size, smaller, less in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60)):
        if seconds >= size:
            rest = seconds % size // less
            return f"{seconds // size}{unit}{rest}{smaller}" if rest else f"{seconds // size}{unit}"
    return f"{seconds // 60}m" if seconds >= 60 else f"{seconds}s"


def _not_understood(what: str, error: ValidationError) -> RefusedError:
    # Where it is wrong, never what stands there: that may be a name.
    where = ".".join(str(step) for step in error.errors()[0]["loc"])
    return RefusedError(f"the server's answer about {what} is not of the instance contract: {where}")
