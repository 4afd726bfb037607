"""What is posted of a roll, an Event for each step that a person would want to know."""

from __future__ import annotations

from typing import Any

import pytest

from pronote_operator.cluster.kinds import Kind
from pronote_operator.handlers.keys import Key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.store import ObjectStore

Object = dict[str, Any]
KEY = Key("PronoteBase", "ville", "moulin")


class Told:
    """The API server, and whoever reads Events."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.version = 1

    async def apply_status(self, _: Kind, manifest: Object) -> Object:
        self.version += 1
        metadata = {**BASE["metadata"], "resourceVersion": str(self.version)}
        return {**BASE, "metadata": metadata, "status": manifest["status"]}

    async def post(self, _: object, *, reason: str, **__: object) -> None:
        self.reasons.append(reason)


def status(phase: str | None, *, ready: bool) -> Object:
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-09-01T20:00:00Z",
        "reason": "InService" if ready else "Progressing",
        "message": "",
    }
    found: Object = {"observedGeneration": 1, "conditions": [condition], "version": {"current": "2026.2.5"}}
    if phase is not None:
        target = {"version": "2026.2.6", "image": "server:2026.2.6", "schoolYear": 2026}
        started = {"startedTime": "2026-09-01T20:00:00Z", "channelGeneration": 2}
        found["roll"] = {"id": "1", "phase": phase, "from": target, "to": target, **started}
    return found


BASE: Object = {
    "metadata": {"name": KEY.name, "namespace": KEY.namespace, "uid": "u1", "generation": 1, "resourceVersion": "1"},
    "spec": {"uai": "0750654D", "displayName": "Collège Jean Moulin", "source": {"empty": {}}},
    "status": status(None, ready=True),
}


@pytest.mark.parametrize(
    ("steps", "reasons"),
    [
        ([("Archiving", True), ("Restarting", False), ("Done", True)], ["Rolling", "Rolled"]),
        ([("Archiving", True), ("Restarting", False), ("Restarting", True), ("Done", True)],
         ["Rolling", "InService", "Rolled"]),
        ([("Archiving", True), ("Restarting", False), ("RollingBack", False), ("RolledBack", True)],
         ["Rolling", "RollingBack", "InService", "RolledBack"]),
    ],
)  # fmt: skip
async def test_the_end_of_a_roll_that_went_well_is_told_once(steps: list[tuple[str, bool]], reasons: list[str]) -> None:
    told, store = Told(), ObjectStore()
    store.put(KEY, BASE)
    reporter = Reporter(told, store, told)  # type: ignore[arg-type]
    for phase, ready in steps:
        body = store.get(KEY)
        assert body is not None
        await reporter.base(KEY, body, status(phase, ready=ready))
    assert told.reasons == reasons


async def test_the_next_base_is_given_the_place_of_one_that_is_done_before_events_are_posted() -> None:
    told, store = Told(), ObjectStore()
    store.put(KEY, BASE)
    reporter = Reporter(told, store, told)  # type: ignore[arg-type]
    await reporter.base(
        KEY, store.get(KEY) or {}, status("Done", ready=True), stands=lambda: told.reasons.append("stands")
    )
    await reporter.base(
        KEY, store.get(KEY) or {}, status("Done", ready=True), stands=lambda: told.reasons.append("stands")
    )
    assert told.reasons == ["stands", "Rolled", "stands"], "also where there is nothing to write"
