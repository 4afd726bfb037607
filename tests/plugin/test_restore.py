"""`kubectl pronote restore`: the YAML to commit, or the request itself, and what became of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from pronote_operator.api.pronotebase import RestoreRequest
from tests.plugin.conftest import Plugin, school
from tests.plugin.fakeapi import FakeApi

NEWEST = "sauvegarde-20261124T0800Z"
ARCHIVE = "archive-20261123T0130Z"
Object = dict[str, Any]


def answers(phase: str, **more: str) -> Callable[[Object], None]:
    """The operator tells how far it is with what is asked."""

    def answer(base: Object) -> None:
        base["status"]["restore"] = {**base["spec"]["restore"], "phase": phase, **more}

    return answer


def idle(base: Object) -> None:
    """The operator has not come to it yet."""


def with_restore(asked: Object | None, told: Object | None = None) -> Object:
    """The school with a restore in its spec, and with one in its status."""
    status = {**school()["status"], **({"restore": told} if told else {})}
    return school(spec={"restore": asked} if asked else {}, status=status)


def request_id(out: str) -> str:
    """The request id in the YAML that was printed."""
    return str(yaml.safe_load(out)["spec"]["restore"]["requestId"])


def test_it_prints_what_to_commit_and_changes_nothing(plugin: Plugin, api: FakeApi) -> None:
    ended = plugin("restore", "jean-moulin", ARCHIVE)
    assert ended.code == 0
    printed = yaml.safe_load(ended.out)
    chosen = printed["spec"]["restore"].pop("requestId")
    assert printed == {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "PronoteBase",
        "metadata": {"name": "jean-moulin", "namespace": "schools"},
        "spec": {"restore": {"snapshot": ARCHIVE}},
    }
    made = dt.datetime.strptime(chosen, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    assert abs(dt.datetime.now(dt.UTC) - made) < dt.timedelta(seconds=30)
    RestoreRequest.model_validate({"requestId": chosen, "snapshot": ARCHIVE})
    assert "Nothing is changed yet" in ended.err
    assert api.writes == []


def test_a_request_id_of_ones_own_is_kept(plugin: Plugin) -> None:
    assert request_id(plugin("restore", "jean-moulin", ARCHIVE, "--request-id", "2026-11-24-a").out) == "2026-11-24-a"


@pytest.mark.parametrize("wrong", ["-a", "a b", "a" * 64, "", "é"])
def test_a_request_id_that_the_api_would_refuse_is_refused(plugin: Plugin, wrong: str) -> None:
    ended = plugin("restore", "jean-moulin", ARCHIVE, f"--request-id={wrong}")
    assert (ended.code, ended.out) == (1, "")
    assert "is no request id" in ended.err


def test_a_name_that_is_not_there_is_answered_with_names_near_it(plugin: Plugin) -> None:
    ended = plugin("restore", "jean-moulin", "sauvegarde-20261124T0830Z")
    assert (ended.code, ended.out) == (1, "")
    assert "no snapshot sauvegarde-20261124T0830Z; near it: sauvegarde-20261124T0800Z" in ended.err


def test_a_name_that_is_like_no_other_is_answered_with_the_newest(plugin: Plugin) -> None:
    assert f"the newest: {NEWEST}, securite-" in plugin("restore", "jean-moulin", "monday").err


def test_a_base_without_snapshots_has_nothing_to_restore(plugin: Plugin, api: FakeApi) -> None:
    api.add(school(status={"snapshots": {}}))
    assert "base jean-moulin has no snapshot yet" in plugin("restore", "jean-moulin", NEWEST).err


def test_applied_it_touches_spec_restore_alone_under_its_own_name(plugin: Plugin, api: FakeApi) -> None:
    ended = plugin("restore", "jean-moulin", ARCHIVE, "--apply", "--no-wait")
    assert ended.code == 0
    ((content, query, body),) = api.writes
    assert content == "application/apply-patch+yaml"
    assert query == {"fieldManager": "kubectl-pronote", "force": "false"}
    assert body == yaml.safe_load(ended.out)
    assert set(body["spec"]) == {"restore"}


def test_it_waits_through_the_phases_until_it_is_done(plugin: Plugin, api: FakeApi) -> None:
    safety = "securite-20261124T081530Z"
    api.after_write = [idle, answers("Pending"), answers("Running"), answers("Succeeded", safetySnapshot=safety)]
    ended = plugin("restore", "jean-moulin", ARCHIVE, "--apply")
    assert ended.code == 0
    title = f"restore {ARCHIVE}"
    stages = [line for line in ended.err.splitlines() if line.startswith(title)]
    assert stages == [f"{title}: waiting for the operator", f"{title}: pending", f"{title}: running"]
    assert f"Done: restored {ARCHIVE} (before it: {safety})" in ended.err


def test_a_restore_that_fails_ends_it_with_the_message(plugin: Plugin, api: FakeApi) -> None:
    api.after_write = [answers("Running"), answers("Failed", message=f"{ARCHIVE} is damaged")]
    ended = plugin("restore", "jean-moulin", ARCHIVE, "--apply")
    assert ended.code == 1
    assert f"failed, the data are as they were before: {ARCHIVE} is damaged" in ended.err


def test_the_answer_to_an_earlier_request_is_not_taken_for_this_one(plugin: Plugin, api: FakeApi) -> None:
    api.add(with_restore(None, {"requestId": "old", "phase": "Failed", "snapshot": ARCHIVE}))
    api.after_write = [idle, idle, answers("Succeeded")]
    assert plugin("restore", "jean-moulin", ARCHIVE, "--apply").code == 0


def test_when_the_time_is_up_the_request_stands(plugin: Plugin, api: FakeApi) -> None:
    ended = plugin("restore", "jean-moulin", ARCHIVE, "--apply", "--timeout", "0")
    assert ended.code == 1
    assert f"request {request_id(ended.out)} is not settled after 0" in ended.err


def test_a_second_run_joins_the_restore_that_is_under_way(plugin: Plugin, api: FakeApi) -> None:
    first = plugin("restore", "jean-moulin", ARCHIVE, "--apply", "--no-wait")
    api.after_write = [idle, answers("Running"), answers("Succeeded")]
    second = plugin("restore", "jean-moulin", ARCHIVE, "--apply")
    assert second.code == 0
    assert request_id(second.out) == request_id(first.out)
    assert len(api.writes) == 1


@pytest.mark.parametrize(("phase", "code"), [("Succeeded", 0), ("Failed", 1)])
def test_a_request_id_that_was_carried_out_is_answered_from_the_status(
    plugin: Plugin, api: FakeApi, phase: str, code: int
) -> None:
    api.add(with_restore(None, {"requestId": "a", "phase": phase, "snapshot": ARCHIVE}))
    ended = plugin("restore", "jean-moulin", ARCHIVE, "--request-id", "a", "--apply")
    assert ended.code == code
    assert "Request a was made already" in ended.err
    assert api.writes == []


def test_a_request_id_of_another_snapshot_is_refused(plugin: Plugin, api: FakeApi) -> None:
    api.add(with_restore(None, {"requestId": "a", "phase": "Succeeded", "snapshot": ARCHIVE}))
    ended = plugin("restore", "jean-moulin", NEWEST, "--request-id", "a")
    assert ended.code == 1
    assert f"request a was for snapshot {ARCHIVE}" in ended.err


def test_a_restore_that_is_done_can_be_asked_for_again(plugin: Plugin, api: FakeApi) -> None:
    asked = {"requestId": "a", "snapshot": ARCHIVE}
    api.add(with_restore(asked, {**asked, "phase": "Succeeded"}))
    ended = plugin("restore", "jean-moulin", ARCHIVE, "--apply", "--no-wait")
    assert ended.code == 0
    assert request_id(ended.out) != "a"


def test_while_another_restore_runs_none_is_sent(plugin: Plugin, api: FakeApi) -> None:
    asked = {"requestId": "a", "snapshot": ARCHIVE}
    api.add(with_restore(asked, {**asked, "phase": "Running"}))
    ended = plugin("restore", "jean-moulin", NEWEST, "--apply")
    assert ended.code == 1
    assert f"a restore of {ARCHIVE} (request a) is under way" in ended.err
    assert api.writes == []


def test_one_that_was_not_begun_is_replaced_and_that_is_said(plugin: Plugin, api: FakeApi) -> None:
    api.add(with_restore({"requestId": "a", "snapshot": ARCHIVE}))
    ended = plugin("restore", "jean-moulin", NEWEST, "--apply", "--no-wait")
    assert ended.code == 0
    assert "instead of request a, which was not begun" in ended.err


def test_a_field_that_git_holds_is_left_to_git(plugin: Plugin, api: FakeApi) -> None:
    asked = {"requestId": "a", "snapshot": ARCHIVE}
    api.add(with_restore(asked, {**asked, "phase": "Succeeded"}))
    api.held_by = "kustomize-controller"
    ended = plugin("restore", "jean-moulin", NEWEST, "--apply", "--no-wait")
    assert ended.code == 1
    assert 'conflict with "kustomize-controller"' in ended.err
    assert "Commit the YAML above" in ended.err
    assert yaml.safe_load(ended.out)["spec"]["restore"]["snapshot"] == NEWEST
    assert api.writes == []
    assert plugin("restore", "jean-moulin", NEWEST, "--apply", "--no-wait", "--force-conflicts").code == 0
    assert api.writes[0][1]["force"] == "true"


def test_a_suspended_base_is_not_restored(plugin: Plugin, api: FakeApi) -> None:
    api.add(school(spec={"suspend": True}))
    ended = plugin("restore", "jean-moulin", NEWEST, "--apply")
    assert ended.code == 1
    assert "base jean-moulin is suspended (spec.suspend)" in ended.err


def test_a_stopped_base_is_restored_when_it_is_put_in_service_and_nobody_waits_for_that(
    plugin: Plugin, api: FakeApi
) -> None:
    api.add(school(spec={"inService": False}))
    ended = plugin("restore", "jean-moulin", NEWEST, "--apply")
    assert ended.code == 0
    assert "is stopped: the snapshot is restored when it is put in service" in ended.err
    assert len(api.writes) == 1
