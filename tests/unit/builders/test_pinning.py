"""An upgrade of the operator restarts no school."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.builders.context import BuildContext, Release
from pronote_operator.builders.names import ANNOTATION_POD_TEMPLATE, ANNOTATION_ROLL_INPUTS
from pronote_operator.builders.pinning import pinned_template, pinning_annotations, roll_inputs
from pronote_operator.builders.statefulset import statefulset
from tests.support.later_version import change_defaults
from tests.unit.builders.children import context
from tests.unit.builders.strategies import contexts

NEWER = {"operator_image": "localhost/pronote-operator:next", "image_pull_policy": "Always"}


def template(manifest: dict[str, Any]) -> dict[str, Any]:
    return dict(manifest["spec"]["template"])


def agent_image(manifest: dict[str, Any]) -> str:
    return str(manifest["spec"]["template"]["spec"]["initContainers"][1]["image"])


def test_a_newer_operator_keeps_the_template_of_a_running_base() -> None:
    before = statefulset(context())
    assert statefulset(context(options=NEWER), before) == before


@given(ctx=contexts(), image=st.sampled_from(["localhost/pronote-operator:dev", "localhost/pronote-operator:next"]))
def test_a_version_with_other_defaults_keeps_the_template_of_every_running_base(ctx: BuildContext, image: str) -> None:
    before = statefulset(ctx)
    later = replace(ctx, agent_image=image, options=replace(ctx.options, operator_image=image))
    with pytest.MonkeyPatch.context() as patch:
        change_defaults(patch.setattr)
        after = statefulset(later, before)
        anew = template(statefulset(later))
    # A base out of service that is as it was is no exception: nothing was to be started.
    assert after == before
    # And it is another version: what is begun now has nothing of the earlier defaults.
    old = {container["name"]: container for container in _containers(template(before))}
    for container in _containers(anew):
        assert container["env"] != old[container["name"]]["env"]
        assert container["resources"] != old[container["name"]]["resources"] or container["name"] == "server"
        probes = [name for name in container if name.endswith("Probe")]
        assert all(container[probe] != old[container["name"]][probe] for probe in probes)
    grace = "terminationGracePeriodSeconds"
    assert anew["spec"][grace] > template(before)["spec"][grace]


def _containers(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [*of["spec"]["initContainers"], *of["spec"]["containers"]]


def test_a_base_that_is_rolled_anyway_gets_the_newest_agent() -> None:
    before = statefulset(context())
    after = statefulset(context(options=NEWER, version="2026.2.6"), before)
    assert agent_image(after) == "localhost/pronote-operator:next"
    assert statefulset(context(options=NEWER, version="2026.2.6"), after) == after


def test_a_running_base_without_its_statefulset_gets_a_new_one() -> None:
    assert agent_image(statefulset(context(options=NEWER), None)) == "localhost/pronote-operator:next"


def test_stopping_keeps_the_template_and_starting_takes_the_newest() -> None:
    running = statefulset(context())
    stopped = statefulset(context({"inService": False}, options=NEWER), running)
    assert stopped["spec"]["replicas"] == 0
    assert template(stopped) == template(running)
    started = statefulset(context(options=NEWER), stopped)
    assert started["spec"]["replicas"] == 1
    assert agent_image(started) == "localhost/pronote-operator:next"
    assert statefulset(context(options=NEWER), started) == started


def test_a_stopped_base_is_written_by_an_upgrade_only_when_something_of_its_own_changes() -> None:
    stopped = statefulset(context({"inService": False}))
    assert statefulset(context({"inService": False}, options=NEWER), stopped) == stopped


@pytest.mark.parametrize(
    "spec",
    [
        {"licences": {"administrative": 9, "teachers": 9, "reservedForAdministrators": 0}},
        {"security": {"ipControl": "High"}},
        {"disabledClients": ["SALLE-1"]},
        {"displayName": "Autre nom"},
        {"managedUais": ["0210066H"]},
        {"timeZone": "Indian/Reunion"},
        {"storage": {"size": "50Gi", "snapshots": {"size": "50Gi"}}},
        {"deletionPolicy": "Delete"},
        {"inService": False},
        {"suspend": True},
    ],
)
def test_what_the_server_re_reads_restarts_nothing(spec: dict[str, Any]) -> None:
    before = statefulset(context())
    assert roll_inputs(context(spec)) == roll_inputs(context())
    assert template(statefulset(context(spec), before)) == template(before)


@pytest.mark.parametrize(
    "changed",
    [
        context(version="2026.2.6"),
        context(school_year=2027),
        replace(context(), new_year=2025),
        context({"resources": {"limits": {"memory": "1Gi"}}}),
        context({"superAdmin": {"secretName": "ours"}}),
        replace(context(), release=Release("2026.2.5", "mirror/pronote-server:2026.2.5")),
    ],
)
def test_what_a_running_server_cannot_take_up_rolls_it(changed: BuildContext) -> None:
    before = statefulset(context())
    after = statefulset(changed, before)
    assert template(after) != template(before)
    assert after["metadata"]["annotations"][ANNOTATION_ROLL_INPUTS] == roll_inputs(changed) != roll_inputs(context())


@given(contexts())
def test_a_stored_template_comes_back_word_for_word(ctx: BuildContext) -> None:
    built = statefulset(ctx)
    assert pinned_template(built["metadata"]["annotations"], roll_inputs(ctx)) == template(built)


@pytest.mark.parametrize(
    "damage",
    [
        {ANNOTATION_POD_TEMPLATE: ""},
        {ANNOTATION_POD_TEMPLATE: "no digest"},
        {ANNOTATION_POD_TEMPLATE: "0" * 32 + ' {"spec":{}}'},
        {ANNOTATION_ROLL_INPUTS: "other"},
    ],
)
def test_a_damaged_store_is_not_believed(damage: dict[str, str]) -> None:
    existing = statefulset(context())
    existing["metadata"]["annotations"] |= damage
    assert pinned_template(existing["metadata"]["annotations"], roll_inputs(context())) is None
    assert statefulset(context(), existing) == statefulset(context())


@pytest.mark.parametrize("stored", [[], "text", 1])
def test_a_store_that_holds_no_template_is_not_believed(stored: Any) -> None:
    assert pinned_template(pinning_annotations("inputs", stored), "inputs") is None


def test_a_changed_live_template_is_repaired_to_the_pinned_one() -> None:
    before = statefulset(context())
    live = copy.deepcopy(before)
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
    assert statefulset(context(options=NEWER), live) == before


def test_the_annotations_stay_far_below_the_limit_of_the_api() -> None:
    assert sum(map(len, statefulset(context())["metadata"]["annotations"].values())) < 16 * 1024
