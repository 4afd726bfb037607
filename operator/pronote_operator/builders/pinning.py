"""Keeping a pod template as it is until its base is rolled for a reason of its own.

An upgrade of the operator brings another agent image and other defaults, and must restart no school. So the StatefulSet
carries the template that it was last given, and a hash of what justifies a roll: what the spec, the channel and the
status contributed. While that hash stays the same, the stored template is used again, word for word; when it changes,
the base is rolled anyway, and gets the newest template.

Not among the inputs: settings that the server re-reads (licences, security, disabled Clients), and everything that the
operator itself contributes (agent image, pull policy, default resources, probes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.dataplan import data_plan
from pronote_operator.builders.names import ANNOTATION_POD_TEMPLATE, ANNOTATION_ROLL_INPUTS
from pronote_operator.planning.hashing import canonical_json, stable_hash, text_hash

_SEPARATOR = " "


def roll_inputs(ctx: BuildContext) -> str:
    """A hash of everything for which a running server of this base is worth a restart."""
    return stable_hash(
        {
            "version": ctx.release.version,
            "image": ctx.release.image,
            "plan": data_plan(ctx),
            "resources": ctx.base.spec.resources.to_manifest(),
            "superAdmin": ctx.superadmin_secret,
        }
    )


def pinning_annotations(inputs: str, template: Mapping[str, Any]) -> dict[str, str]:
    """The annotations that let `pinned_template` give `template` back while the hash `inputs` stays the same."""
    text = canonical_json(template)
    return {ANNOTATION_ROLL_INPUTS: inputs, ANNOTATION_POD_TEMPLATE: f"{text_hash(text)}{_SEPARATOR}{text}"}


def pinned_template(existing_annotations: Mapping[str, str] | None, inputs: str) -> dict[str, Any] | None:
    """The template to use again, or None when a new one is due.

    Args:
        existing_annotations: of the StatefulSet that is there; None when there is none.
        inputs: the answer of `roll_inputs` now.

    Returns:
        The stored template when its inputs are the same and the text is intact (it carries its own hash: an edit by
        hand is not mistaken for a template of ours).
    """
    annotations = existing_annotations or {}
    return stored_template(annotations) if annotations.get(ANNOTATION_ROLL_INPUTS) == inputs else None


def stored_template(annotations: Mapping[str, str]) -> dict[str, Any] | None:
    """The pod template that was last given, whatever somebody has made of it since; None when that is not known."""
    digest, _, text = annotations.get(ANNOTATION_POD_TEMPLATE, "").partition(_SEPARATOR)
    if not text or text_hash(text) != digest:
        return None
    template = json.loads(text)
    return template if isinstance(template, dict) else None
