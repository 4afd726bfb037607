"""Conditions by the rules of kstatus and `metav1.Condition`.

`lastTransitionTime` moves when, and only when, the status of a condition changes; a condition that says nothing
abnormal any more (`Reconciling`, `Stalled`) is removed, never left at False.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

ABNORMAL_TRUE = frozenset({"Reconciling", "Stalled"})
"""Types that are present only while they are true (kstatus)."""

MAXIMUM_MESSAGE = 1024
"""Longest message written, in characters; what is longer is cut and ends in an ellipsis."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it is wanted now."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    """CamelCase, for machines."""
    message: str = ""
    """A sentence for people; no secret, no personal data."""


def merged_conditions(
    previous: Sequence[Mapping[str, Any]], wanted: Iterable[Condition], observed_generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The conditions to write: exactly the wanted ones, in their order, with times carried over from `previous`.

    Args:
        previous: `status.conditions` as it was read.
        wanted: all the conditions that hold now, one per type; a type that is not named is removed, and so is
            `Reconciling` or `Stalled` that is not True.
        observed_generation: `metadata.generation` of the object that was judged.
        now: the time of a change, aware; whole seconds are kept.

    Raises:
        ValueError: a type is named twice.
    """
    before = {condition.get("type"): condition for condition in previous}
    stamp = timestamp(now)
    result: dict[str, dict[str, Any]] = {}
    for condition in wanted:
        if condition.type in ABNORMAL_TRUE and condition.status != "True":
            continue
        if condition.type in result:
            raise ValueError(f"condition {condition.type} is wanted twice")
        earlier = before.get(condition.type, {})
        unchanged = earlier.get("status") == condition.status
        result[condition.type] = {
            "type": condition.type,
            "status": condition.status,
            "observedGeneration": observed_generation,
            "lastTransitionTime": (earlier.get("lastTransitionTime") if unchanged else None) or stamp,
            "reason": condition.reason,
            "message": _shortened(condition.message),
        }
    return list(result.values())


def find_condition(conditions: Iterable[Mapping[str, Any]], type_: str) -> Mapping[str, Any] | None:
    """The condition of that type, or None."""
    return next((condition for condition in conditions if condition.get("type") == type_), None)


def is_true(conditions: Iterable[Mapping[str, Any]], type_: str) -> bool:
    """Whether the condition of that type is there and True."""
    found = find_condition(conditions, type_)
    return found is not None and found.get("status") == "True"


def status_changed(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """Whether writing the status `new` over `old` would change anything; nothing is written when not.

    The order of conditions does not count, and a field that is null counts as absent.
    """
    # Mostly they are equal as they are, which is cheap to see.
    return old != new and _comparable(old or {}) != _comparable(new)


def timestamp(moment: datetime) -> str:
    """An aware time as the API writes it: UTC, whole seconds, `2026-11-24T08:00:00Z`."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _shortened(message: str) -> str:
    return message if len(message) <= MAXIMUM_MESSAGE else message[: MAXIMUM_MESSAGE - 1] + "…"


def _comparable(status: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = _without_nulls(status)
    conditions = plain.get("conditions")
    if isinstance(conditions, list):
        plain["conditions"] = {condition.get("type"): condition for condition in conditions}
    return plain


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
