"""The data plan: what `prepare` is to make of the data volume before the server starts.

It stands in the pod template, so that a change of plan is an ordinary roll: the old pod is gone before the new one
touches the data.
"""

from __future__ import annotations

from typing import Any

from pronote_operator.builders.context import BuildContext
from pronote_operator.planning.hashing import canonical_json

PLAN_VERSION = "v1"


def data_plan(ctx: BuildContext) -> dict[str, Any]:
    """The plan for a base: its identity, the school year to serve, how bases are made, what to archive and restore."""
    plan: dict[str, Any] = {
        "plan": PLAN_VERSION,
        "namespace": ctx.namespace,
        "name": ctx.name,
        "uai": ctx.base.spec.uai,
        "schoolYear": ctx.school_year,
        "source": ctx.base.spec.source.to_manifest(),
    }
    if ctx.archive is not None:
        plan["archive"] = {"name": ctx.archive}
    if ctx.new_year is not None and ctx.new_year < ctx.school_year:
        plan["newYear"] = {"from": ctx.new_year}
    if ctx.restore is not None:
        plan["restore"] = {"requestId": ctx.restore.request_id, "snapshot": ctx.restore.snapshot}
    return plan


def data_plan_json(ctx: BuildContext) -> str:
    """The plan as the environment of `prepare` carries it."""
    return canonical_json(data_plan(ctx))
