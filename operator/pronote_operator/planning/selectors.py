"""Whether a label selector takes an object, by the rules of Kubernetes: every requirement must hold."""

from __future__ import annotations

from collections.abc import Mapping

from pronote_operator.api.common import LabelSelector, LabelSelectorRequirement


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether the selector takes an object with these labels.

    None takes nothing, and so does one without any requirement, which the API refuses: as canaries, all bases would go
    first.
    """
    if selector is None or not (selector.match_labels or selector.match_expressions):
        return False
    return all(labels.get(name) == value for name, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            # An object without the label is taken.
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
