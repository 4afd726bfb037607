"""`kubectl pronote backup`: one more snapshot, and what became of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pronote_operator.api.snapshots import SnapshotKind, parsed_name
from tests.plugin.conftest import Plugin, condition, school
from tests.plugin.fakeapi import FakeApi

REQUEST = "pronote.hosting/snapshot-request"
Object = dict[str, Any]


def asked_for(api: FakeApi) -> str:
    """The name in the annotation of the base."""
    return str(api.bases["schools", "jean-moulin"]["metadata"]["annotations"][REQUEST])


def idle(base: Object) -> None:
    """The operator has not come to it yet."""


def takes(base: Object) -> None:
    """The operator takes what is asked for."""
    base["status"]["snapshots"]["names"].append(base["metadata"]["annotations"][REQUEST])


def fails(base: Object) -> None:
    """The operator tries, and it fails."""
    base["status"]["snapshots"]["lastRequest"] = base["metadata"]["annotations"][REQUEST]
    told = condition("BackedUp", "False", "Failing", "1 backup failed or missed, since the good one of 08:12")
    base["status"]["conditions"] = [told]


@pytest.mark.parametrize(
    ("options", "kind"), [((), SnapshotKind.BACKUP), (("--archive",), SnapshotKind.ARCHIVE)], ids=["backup", "archive"]
)
def test_it_asks_by_the_annotation_and_waits_until_the_snapshot_is_there(
    plugin: Plugin, api: FakeApi, options: tuple[str, ...], kind: SnapshotKind
) -> None:
    api.after_write = [idle, idle, takes]
    ended = plugin("backup", "jean-moulin", *options)
    name = asked_for(api)
    assert (ended.code, ended.out) == (0, f"{name}\n")
    assert f"Done: snapshot {name} is taken" in ended.err
    found, slot = parsed_name(name)
    assert found is kind
    assert abs(dt.datetime.now(dt.UTC) - slot) < dt.timedelta(seconds=30)


def test_it_writes_nothing_but_the_annotation_under_its_own_name(plugin: Plugin, api: FakeApi) -> None:
    plugin("backup", "jean-moulin", "--no-wait")
    ((content, query, body),) = api.writes
    assert content == "application/merge-patch+json"
    assert query == {"fieldManager": "kubectl-pronote"}
    assert body == {"metadata": {"annotations": {REQUEST: asked_for(api)}}}


def test_without_waiting_it_ends_at_once_and_tells_the_name(plugin: Plugin, api: FakeApi) -> None:
    ended = plugin("backup", "jean-moulin", "--no-wait")
    assert (ended.code, ended.out) == (0, f"{asked_for(api)}\n")


def test_a_failure_ends_it_with_what_the_base_says(plugin: Plugin, api: FakeApi) -> None:
    api.after_write = [idle, fails]
    ended = plugin("backup", "jean-moulin")
    assert ended.code == 1
    assert ended.out == ""
    assert f"error: snapshot {asked_for(api)} failed. BackedUp is False, Failing: 1 backup failed" in ended.err
    assert "kubectl describe pronotebase jean-moulin" in ended.err


def test_other_failures_are_not_taken_for_this_one(plugin: Plugin, api: FakeApi) -> None:
    """The archives of the school fail, before and meanwhile; what was asked for comes to its turn all the same."""

    def another_fails(base: Object) -> None:
        base["status"]["snapshots"]["kinds"][1]["failures"] += 1
        base["status"]["conditions"] = [condition("BackedUp", "False", "Failing", "2 archives failed")]

    status = school()["status"]
    status["conditions"] = [condition("BackedUp", "False", "Failing", "1 archive failed")]
    api.add(school(status=status))
    api.after_write = [another_fails, takes]
    assert plugin("backup", "jean-moulin", "--archive").code == 0


def test_a_request_that_failed_is_not_joined(plugin: Plugin, api: FakeApi) -> None:
    api.after_write = [fails]
    plugin("backup", "jean-moulin")
    api.bases["schools", "jean-moulin"]["metadata"]["annotations"][REQUEST] = failed = "sauvegarde-20991124T081530Z"
    api.bases["schools", "jean-moulin"]["status"]["snapshots"]["lastRequest"] = failed
    api.after_write = [idle, takes]
    ended = plugin("backup", "jean-moulin")
    assert ended.code == 0
    assert ended.out != f"{failed}\n"


def test_what_it_waits_for_is_said(plugin: Plugin, api: FakeApi) -> None:
    def not_ready(base: Object) -> None:
        base["status"]["conditions"] = [condition("Ready", "False", "ServerNotReady", "starting")]

    api.after_write = [idle, not_ready, takes]
    said = plugin("backup", "jean-moulin").err
    assert f"{asked_for(api)}: waiting for the operator\n" in said
    assert f"{asked_for(api)}: waiting; the base is not ready: ServerNotReady\n" in said


def test_when_the_time_is_up_the_request_stands(plugin: Plugin, api: FakeApi) -> None:
    ended = plugin("backup", "jean-moulin", "--timeout", "0s")
    assert ended.code == 1
    assert f"snapshot {asked_for(api)} is not there after 0s. The request stands" in ended.err


def test_a_second_run_joins_the_first(plugin: Plugin, api: FakeApi) -> None:
    plugin("backup", "jean-moulin", "--no-wait")
    first = asked_for(api)
    api.after_write = [idle, takes]
    ended = plugin("backup", "jean-moulin")
    assert (ended.code, ended.out) == (0, f"{first}\n")
    assert f"Snapshot {first} was asked for already" in ended.err
    assert len(api.writes) == 1


def test_a_request_of_the_other_kind_is_replaced_and_that_is_said(plugin: Plugin, api: FakeApi) -> None:
    plugin("backup", "jean-moulin", "--no-wait")
    first = asked_for(api)
    ended = plugin("backup", "jean-moulin", "--archive", "--no-wait")
    assert f"instead of {first}, which was not begun" in ended.err
    assert asked_for(api).startswith("archive-")


@pytest.mark.parametrize("old", ["sauvegarde-20261124T0800Z", "sauvegarde-20200101T000001Z", "nonsense"])
def test_a_request_that_is_settled_or_old_is_not_joined(plugin: Plugin, api: FakeApi, old: str) -> None:
    api.add(school(metadata={"annotations": {REQUEST: old}}))
    ended = plugin("backup", "jean-moulin", "--no-wait")
    assert ended.code == 0
    assert "instead of" not in ended.err
    assert asked_for(api) != old


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spec": {"inService": False}}, "base jean-moulin is stopped (spec.inService)"),
        ({"spec": {"suspend": True}}, "base jean-moulin is suspended (spec.suspend)"),
        ({"status": {"effective": {}}}, "base jean-moulin has no backup policy"),
        (
            {
                "status": {
                    "effective": {"backupPolicy": "default"},
                    "conditions": [condition("BackedUp", "False", "PolicySuspended", "")],
                }
            },
            "backup policy default is suspended",
        ),
    ],
    ids=["stopped", "suspended", "no policy", "policy suspended"],
)
def test_it_refuses_when_nothing_would_come_of_it(
    plugin: Plugin, api: FakeApi, changes: dict[str, Any], said: str
) -> None:
    api.add(school(**changes))
    ended = plugin("backup", "jean-moulin")
    assert ended.code == 1
    assert f"error: {said}" in ended.err
    assert api.writes == []


def test_a_base_that_is_stopped_meanwhile_is_not_waited_for(plugin: Plugin, api: FakeApi) -> None:
    api.after_write = [lambda base: base["spec"].update(inService=False)]
    assert "base jean-moulin was stopped before snapshot" in plugin("backup", "jean-moulin").err


def test_an_api_server_that_is_away_for_a_moment_is_waited_for(plugin: Plugin, api: FakeApi) -> None:
    def away(base: Object) -> None:
        api.broken = 2

    api.after_write = [away, takes]
    ended = plugin("backup", "jean-moulin")
    assert ended.code == 0
    assert "the API server does not answer" in ended.err


def test_lacking_rights_are_told_in_the_words_of_the_api_server(plugin: Plugin, api: FakeApi) -> None:
    api.refused = (403, 'pronotebases.pronote.hosting "jean-moulin" is forbidden: User "ada" cannot patch resource')
    ended = plugin("backup", "jean-moulin")
    assert ended.code == 1
    assert 'error: the API server refused: pronotebases.pronote.hosting "jean-moulin" is forbidden' in ended.err


@pytest.mark.parametrize("wrong", ["soon", "-1s", "15 m", "1d", ""])
def test_a_duration_that_cannot_be_read_is_refused_before_anything_is_asked(
    plugin: Plugin, api: FakeApi, wrong: str
) -> None:
    ended = plugin("backup", "jean-moulin", "--timeout", wrong)
    assert ended.code == 1
    assert "write a duration as 90s, 15m or 1h" in ended.err
    assert api.writes == []
