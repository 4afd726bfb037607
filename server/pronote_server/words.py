"""The domain's closed word lists: modes, applications, results of a login."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Mode(StrEnum):
    """What a connection is counted as. The values are the domain's own French words and are part of the protocol."""

    ADMINISTRATIF = "administratif"
    ENSEIGNANT = "enseignant"
    VIE_SCOLAIRE = "vie-scolaire"
    CONSULTATION = "consultation"


CLIENT_MODES: Final = (Mode.ADMINISTRATIF, Mode.ENSEIGNANT, Mode.VIE_SCOLAIRE)
"""What a Client connects as; consultation is PRONOTE.net's only."""


def client_mode(mode: Mode) -> Mode:
    """Validate the mode of a Client.

    Raises:
        ValueError: It is PRONOTE.net's only.
    """
    if mode not in CLIENT_MODES:
        raise ValueError(f"must be one of {', '.join(CLIENT_MODES)}")
    return mode


class Application(StrEnum):
    """What holds a connection on the server."""

    CLIENT = "Client"
    PRONOTE_NET = "PRONOTE.net"


class LoginResult(StrEnum):
    """How a login ended; a label of `pronote_logins_total`."""

    SUCCESS = "success"
    REFUSED = "refused"
    LICENCE = "licence"
    DISABLED = "disabled"
    BLOCKED = "blocked"


class IpControl(StrEnum):
    """Level of the suspension of addresses (contrôle des adresses IP)."""

    OFF = "Off"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class State(StrEnum):
    """State of the process, as `/v1/info` gives it."""

    STARTING = "Starting"
    READY = "Ready"
    DRAINING = "Draining"
