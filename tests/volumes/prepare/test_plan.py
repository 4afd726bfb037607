"""Plans that are refused, and what the refusal says."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from pronote_operator.api import fields
from pronote_operator.prepare import plan as plan_module
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.plan import parse_plan
from tests.volumes.prepare.conftest import PLAN, Volume


def changed(path: str, value: Any) -> str:
    """The usual plan with one member set."""
    plan = copy.deepcopy(PLAN)
    *parents, last = path.split(".")
    target = plan
    for parent in parents:
        target = target[parent]
    target[last] = value
    return json.dumps(plan)


def without(path: str) -> str:
    """The usual plan with one member left out."""
    plan = copy.deepcopy(PLAN)
    *parents, last = path.split(".")
    target = plan
    for parent in parents:
        target = target[parent]
    del target[last]
    return json.dumps(plan)


@pytest.mark.parametrize("uai", ["0210066H", "0750654D", "9830002K", "9740001H", "9840001D", "6200001G"])
def test_valid_uais_are_accepted(uai: str) -> None:
    assert parse_plan(changed("uai", uai)).uai == uai


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "object"),
        (changed("plan", "v2"), "plan: Input should be 'v1'"),
        (without("plan"), "plan: Field required"),
        (without("uai"), "uai: Field required"),
        (changed("uai", "0750001A"), "uai: 0750001A is not a valid UAI: the letter for 0750001 is U"),
        (changed("uai", "750654D"), "7 digits and an upper-case letter"),
        (changed("uai", "0750654d"), "7 digits and an upper-case letter"),
        (changed("schoolYear", "2026"), "schoolYear: Input should be a valid integer"),
        (changed("schoolYear", 26), "schoolYear: Input should be greater than or equal to 2000"),
        (changed("namespace", ""), "namespace: String should have at least 1 character"),
        (changed("name", "x" * 41), "name: String should have at most 40 characters"),
        (changed("source", {}), "source: exactly one of empty, hnot and snapshot"),
        (
            changed("source.empty.slotMinutes", 0),
            "source.empty.slotMinutes: Input should be greater than or equal to 1",
        ),
        (changed("source.empty.dayStart", "24:00"), "source.empty.dayStart: String should match pattern"),
        (changed("source.empty.dayEnd", "08:30"), "source.empty: dayEnd must be at least slotMinutes"),
    ],
)
def test_an_invalid_plan_is_refused_with_the_field_and_what_is_allowed(text: str, named: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_plan(text)
    assert refused.value.reason == "InvalidPlan"
    assert named in refused.value.message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("switchover", {"from": 2025}),
        ("restore", {"requestId": "a", "snapshot": "archive-20261123T023000Z", "force": True}),
        ("source.hnot", {"claimName": "upload", "path": "base.HNOT", "password": ""}),
        ("source.empty.weekStart", "monday"),
        ("school_year", 2026),
    ],
)
def test_a_member_that_is_not_known_is_refused_and_never_ignored(path: str, value: Any) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_plan(changed(path, value))
    assert refused.value.reason == "UnknownStep"
    assert path in refused.value.message


def test_an_unknown_member_comes_before_other_faults_since_a_newer_release_may_read_the_plan() -> None:
    plan = {**PLAN, "switchover": {}, "source": {}}
    with pytest.raises(RefusedError, match="switchover") as refused:
        parse_plan(json.dumps(plan))
    assert refused.value.reason == "UnknownStep"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (
            {"empty": PLAN["source"]["empty"], "snapshot": {"base": "a", "name": "archive-20261124T0130Z"}},
            "exactly one",
        ),
        ({"snapshot": {"base": "a", "name": "latest"}}, "source.snapshot.name"),
        ({"snapshot": {"base": "", "name": "archive-20261124T0130Z"}}, "source.snapshot.base"),
        ({"hnot": {"claimName": "upload", "path": "../base.HNOT"}}, "source.hnot.path"),
        ({"hnot": {"claimName": "upload", "path": "/base.HNOT"}}, "source.hnot.path"),
        ({"hnot": {"claimName": "upload", "path": "a/.b/base.HNOT"}}, "source.hnot.path"),
        ({"hnot": {"claimName": "upload", "path": "base.HNOT", "annexes": ["a//b"]}}, "source.hnot.annexes.0"),
    ],
)
def test_a_source_that_is_not_valid_is_refused_with_its_field(source: dict[str, Any], named: str) -> None:
    with pytest.raises(RefusedError, match=named) as refused:
        parse_plan(changed("source", source))
    assert refused.value.reason == "InvalidPlan"


@pytest.mark.parametrize(
    "restore",
    [
        {"requestId": "a/b", "snapshot": "archive-20261124T0130Z"},
        {"requestId": "", "snapshot": "archive-20261124T0130Z"},
        {"requestId": "a", "snapshot": "../archive-20261124T0130Z"},
        {"requestId": "a"},
    ],
)
def test_a_restore_that_is_not_valid_is_refused(restore: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="restore") as refused:
        parse_plan(changed("restore", restore))
    assert refused.value.reason == "InvalidPlan"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("latest", "archive.name: String should match pattern"),
        ("../archive-20261124T0130Z", "archive.name: String should match pattern"),
        ("archive-20261324T0130Z", "archive.name: 'archive-20261324T0130Z' is no name of a snapshot"),
        ("sauvegarde-20261124T0800Z", "archive.name: sauvegarde-20261124T0800Z is no name of an archive"),
        ("securite-20261124T080000Z", "archive.name: securite-20261124T080000Z is no name of an archive"),
    ],
)
def test_an_archive_under_another_name_than_an_archives_is_refused(name: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_plan(changed("archive", {"name": name}))
    assert refused.value.reason == "InvalidPlan"
    assert said in refused.value.message


@pytest.mark.parametrize("name", ["archive-20260826T180005Z", "archive-annuelle-20260826T1800Z"])
def test_an_archive_may_be_asked_for_by_either_sort_of_name(name: str) -> None:
    asked = parse_plan(changed("archive", {"name": name})).archive
    assert asked is not None
    assert asked.name == name


@pytest.mark.parametrize("name", ["ClaimPath", "SnapshotName", "RequestId"])
def test_the_plan_takes_what_the_api_takes(name: str) -> None:
    ours, apis = (TypeAdapter(getattr(module, name)).json_schema() for module in (plan_module, fields))
    assert (ours["pattern"], ours["maxLength"]) == (apis["pattern"], apis["maxLength"])


@pytest.mark.parametrize(("plan", "reason"), [("{", "InvalidPlan"), (changed("switchover", {}), "UnknownStep")])
def test_a_refused_plan_writes_nothing_and_exits_65(volume: Volume, plan: str, reason: str) -> None:
    assert volume.prepare(plan) == 65
    assert volume.said["result"] == "Refused"
    assert volume.said["reason"] == reason
    assert list(volume.root.iterdir()) == []
