"""Where prepare finds things: what the pod mounts, as the environment says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """Paths of mounted folders and files. Only ``volume`` is always there."""

    volume: str = "/var/lib/pronote"
    """The data volume (``PRONOTE_VOLUME``)."""
    snapshots: str = "/var/lib/snapshots"
    """The base's own snapshots volume (``PRONOTE_SNAPSHOTS``)."""
    snapshot_key: str = "/etc/pronote/snapshot-key/passphrase"
    """The file with its key (``PRONOTE_SNAPSHOT_KEY_FILE``)."""
    upload: str = "/var/lib/upload"
    """The claim of ``source.hnot``, read-only (``PRONOTE_UPLOAD``)."""
    source_snapshots: str = "/var/lib/source-snapshots"
    """The snapshots volume of another base, read-only (``PRONOTE_SOURCE_SNAPSHOTS``)."""
    source_key: str = "/etc/pronote/source-key/passphrase"
    """The file with that base's key (``PRONOTE_SOURCE_KEY_FILE``)."""


def places_of(environment: Mapping[str, str]) -> Places:
    """The places that an environment names, with the defaults for those that it does not."""
    usual = Places()
    return Places(
        volume=environment.get("PRONOTE_VOLUME", usual.volume),
        snapshots=environment.get("PRONOTE_SNAPSHOTS", usual.snapshots),
        snapshot_key=environment.get("PRONOTE_SNAPSHOT_KEY_FILE", usual.snapshot_key),
        upload=environment.get("PRONOTE_UPLOAD", usual.upload),
        source_snapshots=environment.get("PRONOTE_SOURCE_SNAPSHOTS", usual.source_snapshots),
        source_key=environment.get("PRONOTE_SOURCE_KEY_FILE", usual.source_key),
    )
