"""What a measurement came to, in a form for the table and for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Args:
        key: the letter under which it is asked for; several figures may share one.
        name: what it is.
        value: the measured number.
        unit: of value and goal.
        goal: the bound, None for a figure that only explains another.
        strict: whether the value must stay under the goal (else it may reach it).
        note: how it came about, or what it consists of.
    """

    key: str
    name: str
    value: float
    unit: str = ""
    goal: float | None = None
    strict: bool = False
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None when there is none."""
        if self.goal is None:
            return None
        return self.value < self.goal if self.strict else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        """For the JSON file."""
        members: dict[str, Any] = {"key": self.key, "name": self.name, "value": round(self.value, 4), "unit": self.unit}
        if self.goal is not None:
            members |= {"goal": self.goal, "met": self.met}
        if self.note:
            members["note"] = self.note
        if self.details:
            members["details"] = self.details
        return members


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed (nearest rank).

    Args:
        share: above 0, at most 1.

    Raises:
        ValueError: no values, or no such share.
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"no percentile {share} of {len(values)} values")
    return sorted(values)[math.ceil(share * len(values)) - 1]
