"""The StatefulSet of a base: one pod, or none when the base is out of service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.names import server_selector
from pronote_operator.builders.pinning import pinned_template, pinning_annotations, roll_inputs
from pronote_operator.builders.podtemplate import pod_template


def statefulset(ctx: BuildContext, existing: Mapping[str, Any] | None = None) -> Manifest:
    """The StatefulSet to apply.

    Args:
        ctx: the base.
        existing: the StatefulSet that is there, as the API gave it; None when there is none. Its pod template is kept
            while nothing justifies a roll. A base that is being started gets the newest template: no pod runs, so
            that nobody is disturbed.
    """
    replicas = 1 if ctx.base.spec.in_service else 0
    inputs = roll_inputs(ctx)
    template = None
    if existing is not None and not _starts(existing, replicas):
        template = pinned_template(existing.get("metadata", {}).get("annotations"), inputs)
    if template is None:
        template = pod_template(ctx)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": ctx.metadata(ctx.names.statefulset, annotations=pinning_annotations(inputs, template)),
        "spec": {
            "replicas": replicas,
            "serviceName": ctx.names.agent_service,
            # With OrderedReady the controller waits for a pod that never gets ready before it updates it: not even a
            # mended template would reach it (seen with 1.36). One replica leaves nothing to order, and the old pod is
            # gone before the new one starts under either policy.
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"},
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": server_selector(ctx.name)},
            "template": template,
        },
    }


def _starts(existing: Mapping[str, Any], replicas: int) -> bool:
    return replicas > 0 and existing.get("spec", {}).get("replicas") == 0
