"""What a first base is made from is mounted by `prepare` alone, read-only, and only until a server was in service."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from pronote_operator.builders.context import BuildContext, Restore
from pronote_operator.builders.dataplan import data_plan
from pronote_operator.builders.pinning import roll_inputs
from pronote_operator.builders.podtemplate import pod_template
from pronote_operator.builders.sources import SOURCE_VOLUMES
from pronote_operator.builders.statefulset import statefulset
from pronote_operator.builders.volumes import data_claim
from pronote_operator.planning.facts import claim_facts, statefulset_facts
from tests.unit.builders.children import context

HNOT = {"hnot": {"claimName": "upload", "path": "base.HNOT", "annexes": ["photos.HPHOTOS"], "profils": "u.profils"}}
OTHER = {"snapshot": {"base": "autre", "name": "archive-20261123T0130Z"}}
OWN = {"snapshot": {"base": "jean-moulin", "name": "archive-20261123T0130Z"}}
EMPTY: dict[str, Any] = {"empty": {}}


def volumes(template: dict[str, Any]) -> set[str]:
    return {volume["name"] for volume in template["spec"]["volumes"]} & SOURCE_VOLUMES


def loaded(ctx: BuildContext) -> BuildContext:
    return dataclasses.replace(ctx, loaded=True)


@pytest.mark.parametrize(
    ("source", "mounted"),
    [(HNOT, {"upload"}), (OTHER, {"source-snapshots", "source-key"}), (OWN, set()), (EMPTY, set())],
)
def test_only_prepare_sees_the_source_and_only_until_it_is_loaded(source: dict[str, Any], mounted: set[str]) -> None:
    ctx = context({"source": source})
    template = pod_template(ctx)
    assert volumes(template) == mounted
    for container in [*template["spec"]["initContainers"], *template["spec"]["containers"]]:
        seen = {mount["name"]: mount for mount in container["volumeMounts"] if mount["name"] in SOURCE_VOLUMES}
        assert set(seen) == (mounted if container["name"] == "prepare" else set())
        assert all(mount["readOnly"] for mount in seen.values())
    assert volumes(pod_template(loaded(ctx))) == set()
    assert roll_inputs(ctx) == roll_inputs(loaded(ctx)), "to have been loaded is no reason for a restart"


def test_a_server_that_runs_keeps_its_template_and_one_that_waits_for_its_source_gets_a_new_one() -> None:
    ctx = context({"source": HNOT})
    there = statefulset(ctx) | {"status": {"readyReplicas": 1}}
    assert statefulset(loaded(ctx), there)["spec"]["template"] == there["spec"]["template"]
    waiting = there | {"status": {"replicas": 1}}
    assert volumes(statefulset(loaded(ctx), waiting)["spec"]["template"]) == set()
    assert statefulset(ctx, waiting)["spec"]["template"] == there["spec"]["template"], "it is still to be loaded"


def test_that_it_was_loaded_is_written_on_the_volume() -> None:
    ctx = context({"source": HNOT})
    status = {"creationTimestamp": "2026-11-24T00:00:00Z"}

    def facts(ctx: BuildContext) -> bool:
        claim = data_claim(ctx)
        return claim_facts(claim | {"metadata": claim["metadata"] | status}).loaded

    assert (facts(ctx), facts(loaded(ctx))) == (False, True)


def test_a_restore_is_in_the_plan_and_readable_from_the_statefulset() -> None:
    ctx = context()
    assert "restore" not in data_plan(ctx)
    asked = dataclasses.replace(ctx, restore=Restore("2026-11-24-a", "archive-20261123T0130Z"))
    assert data_plan(asked)["restore"] == {"requestId": "2026-11-24-a", "snapshot": "archive-20261123T0130Z"}
    assert roll_inputs(asked) != roll_inputs(ctx), "the old pod is gone before anything is replaced"
    manifest = statefulset(asked)
    found = statefulset_facts(manifest)
    assert found.restore == ("2026-11-24-a", "archive-20261123T0130Z")
    plan = next(
        variable["value"]
        for variable in manifest["spec"]["template"]["spec"]["initContainers"][0]["env"]
        if variable["name"] == "PRONOTE_DATA_PLAN"
    )
    assert json.loads(plan) == data_plan(asked)
    assert statefulset_facts(statefulset(ctx)).restore is None


def test_an_archive_to_take_first_is_in_the_plan_and_readable_from_the_statefulset() -> None:
    asked = dataclasses.replace(context(), archive="archive-20260826T180005Z")
    assert data_plan(asked)["archive"] == {"name": "archive-20260826T180005Z"}
    assert statefulset_facts(statefulset(asked)).archive == "archive-20260826T180005Z"
    assert statefulset_facts(statefulset(context())).archive is None
