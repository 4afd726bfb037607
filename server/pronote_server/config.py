"""The environment of instance contract v1, checked once at start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pronote_server.errors import StartError
from pronote_server.uai import is_valid_uai
from pronote_server.web.coding import CodingName

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVELOPMENT_VERSION: Final = "0.0.0-dev"
"""Version of a server that does not run from a built image."""

DEFAULT_IDLE_SECONDS: Final = 3600
"""A session without a request for this long ends (one hour, the usual setting in French schools)."""


@dataclass(frozen=True)
class BaseConfig:
    """Which base: enough to open it.

    Attributes:
        folder: Folder of the school year, `PRONOTE_DATA/<year>`.
        school_year: Year in which the school year begins (2026 for 2026-2027).
        uai: National number of the school.
        version: Version of this server.
    """

    folder: Path
    school_year: int
    uai: str
    version: str

    @property
    def base_path(self) -> Path:
        """Path of the SQLite file."""
        return self.folder / "base.sqlite"

    def of_year(self, school_year: int) -> BaseConfig:
        """Return where the base of another year of the same school is."""
        return replace(self, folder=self.folder.with_name(str(school_year)), school_year=school_year)


@dataclass(frozen=True)
class NetConfig:
    """The port for PRONOTE.net.

    Attributes:
        port: TCP port, on every address.
        folder: Folder with the files `token` and `verifier-key`.
        coding: How messages of the web protocol are coded.
    """

    port: int
    folder: Path
    coding: CodingName = CodingName.BOTH


@dataclass(frozen=True)
class ServerConfig:
    """Everything that `pronote-server serve` reads from its environment.

    Attributes:
        base: Which base is served.
        checkpoints: Folder where checkpoints are written.
        settings: Settings file (JSON).
        superadmin: Folder with the files `username` and `password`.
        tls: Folder with `tls.crt`, `tls.key` and `ca.crt`.
        client_port: TCP port for Clients, on every address.
        admin_port: TCP port of the admin API, on 127.0.0.1 only.
        idle_seconds: A Client's session without a request for this long ends.
        site: The site document; None when nothing is mounted.
        net: The port for PRONOTE.net; None when there is none.
    """

    base: BaseConfig
    checkpoints: Path
    settings: Path
    superadmin: Path
    tls: Path
    client_port: int
    admin_port: int
    idle_seconds: int = DEFAULT_IDLE_SECONDS
    site: Path | None = None
    net: NetConfig | None = None


def base_config(environment: Mapping[str, str]) -> BaseConfig:
    """Read which base is meant.

    Raises:
        StartError: A variable is missing or malformed; names it and what is allowed.
    """
    year = _number(environment, "PRONOTE_SCHOOL_YEAR", 1990, 2199)
    uai = _text(environment, "PRONOTE_UAI")
    if not is_valid_uai(uai):
        raise StartError("PRONOTE_UAI must be seven digits and their check letter, such as 0750654D.")
    return BaseConfig(
        folder=Path(_text(environment, "PRONOTE_DATA")) / str(year),
        school_year=year,
        uai=uai,
        version=environment.get("PRONOTE_VERSION") or DEVELOPMENT_VERSION,
    )


def server_config(environment: Mapping[str, str]) -> ServerConfig:
    """Read the whole environment of the contract.

    Raises:
        StartError: A variable is missing or malformed; names it and what is allowed.
    """
    return ServerConfig(
        base=base_config(environment),
        checkpoints=Path(_text(environment, "PRONOTE_CHECKPOINTS")),
        settings=Path(_text(environment, "PRONOTE_SETTINGS")),
        superadmin=Path(_text(environment, "PRONOTE_SUPERADMIN")),
        tls=Path(_text(environment, "PRONOTE_TLS")),
        client_port=_number(environment, "PRONOTE_CLIENT_PORT", 1, 65535),
        admin_port=_number(environment, "PRONOTE_ADMIN_PORT", 1, 65535),
        idle_seconds=_number(environment, "PRONOTE_SESSION_IDLE_SECONDS", 1, 86400, DEFAULT_IDLE_SECONDS),
        site=_optional_path(environment, "PRONOTE_SITE"),
        net=_net_config(environment),
    )


def net_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder with the files of PRONOTE.net; None when there is none."""
    return _optional_path(environment, "PRONOTE_NET")


def _net_config(environment: Mapping[str, str]) -> NetConfig | None:
    if not environment.get("PRONOTE_NET_PORT"):
        return None
    coding = environment.get("PRONOTE_NET_CODING") or CodingName.BOTH.value
    if coding not in list(CodingName):
        raise StartError(f"PRONOTE_NET_CODING must be one of {', '.join(CodingName)}.")
    return NetConfig(
        port=_number(environment, "PRONOTE_NET_PORT", 1, 65535),
        folder=Path(_text(environment, "PRONOTE_NET")),
        coding=CodingName(coding),
    )


def _optional_path(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    return Path(text) if text else None


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise StartError(f"{name} is not set (see the instance contract).")
    return value


def _number(environment: Mapping[str, str], name: str, low: int, high: int, default: int | None = None) -> int:
    if default is not None and not environment.get(name):
        return default
    text = _text(environment, name)
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise StartError(f"{name} must be a whole number from {low} to {high}.")
    return int(text)
