"""The domain's closed word lists: modes, applications, results of a login."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What a Client connects as. The values are the domain's own French words and are part of the protocol."""

    ADMINISTRATIF = "administratif"
    ENSEIGNANT = "enseignant"
    VIE_SCOLAIRE = "vie-scolaire"


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
