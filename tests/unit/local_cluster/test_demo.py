"""The demonstration waits for a base that is really ready, and says what keeps it."""

from typing import Any

import pytest

from local_cluster import demo
from local_cluster.progress import elapsed


def _base(ready: str | None, observed: int = 2, **more: dict[str, str]) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "reason": "Why", "message": "because"}] if ready else []
    conditions += [{"type": name, **fields} for name, fields in more.items()]
    return {"metadata": {"generation": 2}, "status": {"observedGeneration": observed, "conditions": conditions}}


def test_a_base_is_ready_when_its_status_speaks_of_its_present_spec() -> None:
    assert demo.is_ready(_base("True"))
    assert not demo.is_ready(_base("True", observed=1))
    assert not demo.is_ready(_base("False"))
    assert not demo.is_ready({"metadata": {"generation": 1}})


def test_what_keeps_a_base_is_said_by_its_conditions() -> None:
    assert demo.condition_text(_base("False")) == "Why: because"
    stalled = {"status": "True", "reason": "Weak", "message": "too short"}
    assert demo.condition_text(_base("False", Stalled=stalled)) == "Weak: too short"
    assert demo.condition_text({"metadata": {"generation": 1}}) == "no status yet"


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (185, "3 min 05 s")])
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text
