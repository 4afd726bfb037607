"""The two volumes of a base. They outlive it, unless `deletionPolicy: Delete` gives them to the garbage collector."""

from __future__ import annotations

from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.names import (
    ANNOTATION_LOADED,
    ANNOTATION_RESTORED,
    ANNOTATION_SCHOOL_YEAR,
    ANNOTATION_UAI,
)
from pronote_operator.planning.quantities import canonical_quantity
from pronote_operator.planning.storage import StorageDecision


def data_claim(ctx: BuildContext, decision: StorageDecision | None = None) -> Manifest:
    """The claim for the bases and checkpoints.

    Args:
        ctx: the base.
        decision: what `storage_decision` said of the claim that exists: the size and class that it must keep. None
            takes both from the spec, which is for a claim that does not exist.
    """
    storage = ctx.base.spec.storage
    annotations = {ANNOTATION_UAI: ctx.base.spec.uai, ANNOTATION_SCHOOL_YEAR: str(ctx.school_year)}
    if ctx.loaded:
        annotations[ANNOTATION_LOADED] = "true"
    if decision is None:
        return _claim(ctx, ctx.names.data_claim, annotations, storage.size, storage.storage_class_name)
    return _claim(ctx, ctx.names.data_claim, annotations, decision.size, decision.storage_class)


def snapshots_claim(ctx: BuildContext, decision: StorageDecision | None = None) -> Manifest:
    """The claim for the snapshots; `decision` as for `data_claim`."""
    storage = ctx.base.spec.storage.snapshots
    annotations = {ANNOTATION_UAI: ctx.base.spec.uai}
    if ctx.restored is not None:
        annotations[ANNOTATION_RESTORED] = ctx.restored
    if decision is None:
        return _claim(ctx, ctx.names.snapshots_claim, annotations, storage.size, storage.storage_class_name)
    return _claim(ctx, ctx.names.snapshots_claim, annotations, decision.size, decision.storage_class)


def _claim(ctx: BuildContext, name: str, annotations: dict[str, str], size: str, storage_class: str | None) -> Manifest:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": canonical_quantity(size)}},
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": ctx.metadata(name, owned=ctx.deletes_data, annotations=annotations),
        "spec": spec,
    }
