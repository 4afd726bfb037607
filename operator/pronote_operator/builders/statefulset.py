"""The StatefulSet of a base: one pod, or none when the base is out of service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.names import ANNOTATION_RESTORE, ANNOTATION_ROLL, server_selector
from pronote_operator.builders.pinning import pinned_template, pinning_annotations, roll_inputs
from pronote_operator.builders.podtemplate import pod_template
from pronote_operator.builders.sources import SOURCE_VOLUMES


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
    if template is not None and ctx.loaded and _waits_for_source(existing or {}, template):
        template = None
    if template is None:
        template = pod_template(ctx)
    annotations = pinning_annotations(inputs, template)
    if ctx.restore is not None:
        annotations[ANNOTATION_RESTORE] = f"{ctx.restore.request_id} {ctx.restore.snapshot}"
    if ctx.roll:
        annotations[ANNOTATION_ROLL] = ctx.roll
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": ctx.metadata(ctx.names.statefulset, annotations=annotations),
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


def _waits_for_source(existing: Mapping[str, Any], template: Mapping[str, Any]) -> bool:
    """Whether no pod serves while the template still mounts what the first base was made from.

    What it was made from may be gone since, and a new pod would wait for it for ever. Nobody is disturbed: no pod is
    ready.
    """
    mounted = {volume["name"] for volume in template["spec"]["volumes"]}
    return bool(mounted & SOURCE_VOLUMES) and not existing.get("status", {}).get("readyReplicas", 0)


def _starts(existing: Mapping[str, Any], replicas: int) -> bool:
    return replicas > 0 and existing.get("spec", {}).get("replicas") == 0
