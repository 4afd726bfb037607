"""Writing a status while somebody else changes the object: their change is heard of, and nothing is written twice."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pronote_operator.cluster.kinds import Kind
from pronote_operator.handlers.keys import channel_key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.store import ObjectStore

Object = dict[str, Any]
KEY = channel_key("stable")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Server:
    """The API server, what is remembered of its one channel, and the watch, whose events come when a test says so."""

    def __init__(self) -> None:
        self.body: Object = {
            "metadata": {
                "name": KEY.name,
                "uid": "u1",
                "generation": 1,
                "resourceVersion": "99",
                "managedFields": [{"manager": "kubectl"}],
                "annotations": {LAST_APPLIED: "{}"},
            },
            "spec": {"paused": False},
        }
        self.events: list[Object] = []
        self.writes = 0
        self.meanwhile: Object | None = None
        self.told_first = False
        self.goes_away = False
        self.store = ObjectStore()
        self.store.put(KEY, self.body)
        self.reporter = Reporter(self, self.store, self)  # type: ignore[arg-type]

    def change(self, members: Object) -> None:
        """Somebody changes members of the object, or of its metadata."""
        metadata = {**self.body["metadata"], **members.get("metadata", {})}
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        self.body = {**self.body, **members, "metadata": metadata}
        self.events.append(copy.deepcopy(self.body))

    async def apply_status(self, _: Kind, manifest: Object) -> Object:
        self.writes += 1
        if self.meanwhile is not None:
            self.change(self.meanwhile)
            self.meanwhile = None
            if self.told_first:
                self.watch()
        if self.body.get("status") != manifest["status"]:
            managers = [{"manager": "kubectl"}, {"manager": "pronote-operator", "subresource": "status"}]
            self.change({"metadata": {"managedFields": managers}, "status": manifest["status"]})
        if self.goes_away:
            self.store.remove(KEY)
        return copy.deepcopy(self.body)

    async def post(self, *_: object, **__: object) -> None:
        pass

    async def report(self, phase: str) -> None:
        await self.reporter.channel(KEY, "u1", {"observedGeneration": 1, "phase": phase, "conditions": []})

    def watch(self) -> list[bool]:
        """The events so far come; whether each is news, so that who listens is told of it."""
        events, self.events = self.events, []
        return [self.store.put(KEY, event) for event in events]

    @property
    def known(self) -> Object:
        body = self.store.get(KEY)
        assert body is not None
        return body


async def test_our_own_write_is_no_news() -> None:
    server = Server()
    await server.report("Current")
    assert server.known["status"]["phase"] == "Current"
    assert server.watch() == [False]


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"paused": True}, "metadata": {"generation": 2}},
        {"metadata": {"annotations": {"pronote.hosting/is-default": "true"}}},
        {"metadata": {"labels": {"canary": "true"}}},
        {"metadata": {"deletionTimestamp": "2026-11-24T08:00:00Z"}},
    ],
)
async def test_what_somebody_changed_just_before_our_write_is_heard_of(change: Object) -> None:
    server = Server()
    server.meanwhile = change
    await server.report("Current")
    assert server.known["spec"] == {"paused": False}, "as whoever listens knows it"
    assert any(server.watch())
    assert server.known["spec"] == server.body["spec"]
    assert server.known["metadata"].items() >= change.get("metadata", {}).items()
    assert server.known["status"]["phase"] == "Current"


async def test_a_status_that_was_written_before_the_watch_told_of_a_change_is_not_written_again() -> None:
    server = Server()
    server.meanwhile = {"spec": {"paused": True}}
    await server.report("Current")
    await server.report("Current")
    assert server.writes == 1


async def test_a_change_that_the_watch_has_told_of_during_our_write_is_not_told_twice() -> None:
    server = Server()
    server.meanwhile, server.told_first = {"spec": {"paused": True}}, True
    await server.report("Current")
    assert server.known["status"]["phase"] == "Current"
    assert server.known["spec"] == {"paused": True}
    assert server.watch() == [False]


async def test_an_object_that_goes_away_during_our_write_is_not_remembered_again() -> None:
    server = Server()
    server.goes_away = True
    await server.report("Current")
    assert KEY not in server.store
