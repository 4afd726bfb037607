"""`kubectl pronote snapshots`: what there is, in the school's own time."""

from __future__ import annotations

import json

import yaml

from tests.plugin.conftest import Plugin, condition, school
from tests.plugin.fakeapi import FakeApi


def test_the_table_has_the_newest_first_and_the_time_of_the_school(plugin: Plugin) -> None:
    ended = plugin("snapshots", "jean-moulin")
    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    names = [row[0] for row in rows if row and row[0].endswith("Z")]
    assert names == [
        "sauvegarde-20261124T0800Z",
        "securite-20261124T061530Z",
        "sauvegarde-20261124T0600Z",
        "archive-20261123T0130Z",
    ]
    assert ["sauvegarde-20261124T0800Z", "Backup", "2026-11-24", "09:00", "CET"] in rows
    assert ["securite-20261124T061530Z", "Safety", "2026-11-24", "07:15:30", "CET"] in rows
    assert ["Next", "2026-11-24", "11:12", "CET"] in rows
    assert ["Last", "verified", "2026-11-20", "04:00", "CET"] in rows
    assert ["Archive", "1", "2026-11-23", "02:42", "CET", "2026-11-24", "02:42", "CET", "1"] in rows
    assert "True Recent the newest snapshot is 12 minutes old" in ended.out


def test_another_time_zone_is_that_of_the_base(plugin: Plugin, api: FakeApi) -> None:
    api.add(school(spec={"timeZone": "Pacific/Noumea"}))
    assert "2026-11-24 19:00 +11" in plugin("snapshots", "jean-moulin").out


def test_programs_get_the_same_as_json_and_as_yaml(plugin: Plugin) -> None:
    told = json.loads(plugin("snapshots", "jean-moulin", "-o", "json").out)
    assert told["snapshots"][-1] == {
        "name": "sauvegarde-20261124T0800Z",
        "kind": "Backup",
        "slotTime": "2026-11-24T09:00:00+01:00",
    }
    assert told["backedUp"] == {
        "status": "True",
        "reason": "Recent",
        "message": "the newest snapshot is 12 minutes old",
    }
    assert told["kinds"][1] == {
        "kind": "Archive",
        "kept": 1,
        "lastSuccessTime": "2026-11-23T02:42:00+01:00",
        "lastAttemptTime": "2026-11-24T02:42:00+01:00",
        "failures": 1,
    }
    assert told["nextTime"] == "2026-11-24T11:12:00+01:00"
    assert yaml.safe_load(plugin("snapshots", "jean-moulin", "-o", "yaml").out) == told


def test_a_base_without_snapshots_is_shown_too(plugin: Plugin, api: FakeApi) -> None:
    never = condition("BackedUp", "False", "NeverTaken", "no snapshot was taken yet [soon]")
    api.add(school(status={"snapshots": {}, "conditions": [never]}))
    assert "NeverTaken no snapshot was taken yet [soon]" in plugin("snapshots", "jean-moulin").out
    assert json.loads(plugin("snapshots", "jean-moulin", "-o", "json").out)["snapshots"] == []
    api.add(school(status={"snapshots": {}, "conditions": [], "effective": {}}))
    assert plugin("snapshots", "jean-moulin").code == 0


def test_a_kind_that_only_a_newer_operator_knows_is_listed_by_its_name(plugin: Plugin, api: FakeApi) -> None:
    api.add(school(status={"snapshots": {"names": ["bascule-20270826T1800Z"]}}))
    assert "bascule-20270826T1800Z" in plugin("snapshots", "jean-moulin").out
    told = json.loads(plugin("snapshots", "jean-moulin", "-o", "json").out)
    assert told["snapshots"] == [{"name": "bascule-20270826T1800Z"}]


def test_only_the_base_is_read(plugin: Plugin, api: FakeApi) -> None:
    plugin("snapshots", "jean-moulin")
    assert api.requests == ["GET /apis/pronote.hosting/v1alpha1/namespaces/schools/pronotebases/jean-moulin"]


def test_a_base_that_is_not_there_is_said_so(plugin: Plugin) -> None:
    ended = plugin("snapshots", "jean-moulin", "-n", "elsewhere")
    assert (ended.code, ended.out) == (1, "")
    assert "error: base jean-moulin not found in namespace elsewhere" in ended.err


def test_the_status_of_a_base_tells_of_snapshots_and_of_the_restore(plugin: Plugin, api: FakeApi) -> None:
    done = {
        "requestId": "a",
        "phase": "Failed",
        "snapshot": "archive-20261123T0130Z",
        "completedTime": "2026-11-24T08:30:00Z",
        "message": "archive-20261123T0130Z is damaged",
    }
    api.add(
        school(
            spec={"restore": {"requestId": "b", "snapshot": "sauvegarde-20261124T0800Z"}},
            status={**school()["status"], "restore": done},
        )
    )
    out = plugin("status", "jean-moulin").out
    assert "4 (newest 2026-11-24 09:12:03 CET, 1 failed since; next 2026-11-24 11:12 CET)" in out
    assert "wanted: sauvegarde-20261124T0800Z (request b); Failed: archive-20261123T0130Z (request a)" in out
    assert "at 2026-11-24 09:30 CET: archive-20261123T0130Z is damaged" in out
