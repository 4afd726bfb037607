"""What `prepare` is given to make the very first base from: an upload, or the snapshots of another base.

All of it is read-only, and only there until a server was in service on the data volume: an upload may be deleted then,
and the base no longer depends on another one's volume.
"""

from __future__ import annotations

from typing import Any

from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.mounts import secret_volume
from pronote_operator.builders.names import SNAPSHOT_KEY_KEY, Names, server_selector

UPLOAD_PATH = "/var/lib/upload"
SOURCE_SNAPSHOTS_PATH = "/var/lib/source-snapshots"
SOURCE_KEY_PATH = "/etc/pronote/source-key"

SOURCE_VOLUMES = frozenset({"upload", "source-snapshots", "source-key"})
"""Names of the volumes of a pod that are there for its source only."""


def source_base(ctx: BuildContext) -> str | None:
    """The other base whose snapshots are the source; None when it is none, or this base itself (its own volume)."""
    snapshot = ctx.base.spec.source.snapshot
    return snapshot.base if snapshot is not None and snapshot.base != ctx.name else None


def source_environment(ctx: BuildContext) -> dict[str, str]:
    """Where `prepare` finds it."""
    if ctx.loaded:
        return {}
    if ctx.base.spec.source.hnot is not None:
        return {"PRONOTE_UPLOAD": UPLOAD_PATH}
    if source_base(ctx) is not None:
        return {
            "PRONOTE_SOURCE_SNAPSHOTS": SOURCE_SNAPSHOTS_PATH,
            "PRONOTE_SOURCE_KEY_FILE": f"{SOURCE_KEY_PATH}/{SNAPSHOT_KEY_KEY}",
        }
    return {}


def source_mounts(ctx: BuildContext) -> list[dict[str, Any]]:
    """The mounts of `prepare`; no other container has them."""
    paths = {"upload": UPLOAD_PATH, "source-snapshots": SOURCE_SNAPSHOTS_PATH, "source-key": SOURCE_KEY_PATH}
    names = [volume["name"] for volume in source_volumes(ctx)]
    return [{"name": name, "mountPath": paths[name], "readOnly": True} for name in names]


def source_volumes(ctx: BuildContext) -> list[dict[str, Any]]:
    """The volumes of the pod that the mounts name."""
    if ctx.loaded:
        return []
    if (hnot := ctx.base.spec.source.hnot) is not None:
        # The claim itself is not read-only: a claim that can be written by one node only could not be mounted so
        # where its class knows no read-only mode. The mount is.
        return [{"name": "upload", "persistentVolumeClaim": {"claimName": hnot.claim_name}}]
    if (other := source_base(ctx)) is not None:
        names = Names(other)
        return [
            {"name": "source-snapshots", "persistentVolumeClaim": {"claimName": names.snapshots_claim}},
            secret_volume("source-key", names.snapshot_key_secret, SNAPSHOT_KEY_KEY),
        ]
    return []


def source_affinity(ctx: BuildContext) -> dict[str, Any]:
    """The other base's node is preferred: a volume that one node may write cannot be mounted on two at once."""
    other = source_base(ctx)
    if ctx.loaded or other is None:
        return {}
    term = {"labelSelector": {"matchLabels": server_selector(other)}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}}
