"""Settings of the agent, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class AgentSettings:
    """The agent's part of the instance contract; ports are settings only so that several agents fit on one machine."""

    admin_url: str
    """``PRONOTE_ADMIN_URL``: the server's admin API, plain HTTP on loopback."""
    token_file: Path
    """``PRONOTE_AGENT_TOKEN_FILE``: the bearer token that callers of the HTTPS port present."""
    tls_folder: Path
    """``PRONOTE_TLS``: the folder of ``tls.crt`` and ``tls.key``."""
    uai: str
    """``PRONOTE_UAI``."""
    version: str
    """Of this software."""
    volume: Path = Path("/var/lib/pronote")
    """``PRONOTE_VOLUME``: the data volume."""
    snapshots: Path = Path("/var/lib/snapshots")
    """``PRONOTE_SNAPSHOTS``: the snapshots volume."""
    snapshot_key_file: Path = Path("/etc/pronote/snapshot-key/passphrase")
    """``PRONOTE_SNAPSHOT_KEY_FILE``: the key of the snapshots."""
    host: str | None = None
    """``PRONOTE_AGENT_HOST``: the address to listen on; every address of both families when absent."""
    probe_port: int = 8080
    """``PRONOTE_AGENT_PROBE_PORT``: probes and metrics, plain HTTP."""
    admin_port: int = 8443
    """``PRONOTE_AGENT_ADMIN_PORT``: the guarded admin API, HTTPS."""
    log_level: str = "INFO"
    """``PRONOTE_AGENT_LOG_LEVEL``."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> AgentSettings:
        """Read the settings.

        Raises:
            ValueError: a variable is missing or no number; the message names it.
        """
        return cls(
            admin_url=environment.get("PRONOTE_ADMIN_URL", "http://127.0.0.1:8081").rstrip("/"),
            token_file=Path(environment.get("PRONOTE_AGENT_TOKEN_FILE", "/etc/pronote/agent/token")),
            tls_folder=Path(environment.get("PRONOTE_TLS", "/etc/pronote/tls")),
            uai=_needed(environment, "PRONOTE_UAI"),
            version=metadata.version("pronote-operator"),
            volume=Path(environment.get("PRONOTE_VOLUME") or cls.volume),
            snapshots=Path(environment.get("PRONOTE_SNAPSHOTS") or cls.snapshots),
            snapshot_key_file=Path(environment.get("PRONOTE_SNAPSHOT_KEY_FILE") or cls.snapshot_key_file),
            host=environment.get("PRONOTE_AGENT_HOST") or None,
            probe_port=_port(environment, "PRONOTE_AGENT_PROBE_PORT", 8080),
            admin_port=_port(environment, "PRONOTE_AGENT_ADMIN_PORT", 8443),
            log_level=environment.get("PRONOTE_AGENT_LOG_LEVEL", "INFO").upper(),
        )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ValueError(f"{name} is not set")
    return value


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ValueError(f"{name} is {text!r}, a port from 1 to 65535 is expected")
    return int(text)
