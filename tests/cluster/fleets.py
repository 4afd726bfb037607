"""Many bases side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.cluster.schools import School
from tests.cluster.stage import Stage

Value = TypeVar("Value")

NAMES = ("un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit")
AT_ONCE = 4
"""Commands in pods at the same time: each starts an interpreter."""
READY_SECONDS = 300.0


def schools_of(stage: Stage, space: str, names: Iterable[str] = NAMES, **spec: object) -> list[School]:
    """Bases of these names, not applied yet."""
    return [School(stage.cluster, stage.kube, space, name, dict(spec)) for name in names]


def bring_up(schools: Sequence[School]) -> None:
    """Apply all, and wait until all are ready."""
    for school in schools:
        school.apply()
    for school in schools:
        school.wait_ready(timeout=READY_SECONDS)


def in_each(schools: Sequence[School], work: Callable[[School], Value]) -> list[Value]:
    """Do something in each, some at the same time; what came of it, in their order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, schools))
