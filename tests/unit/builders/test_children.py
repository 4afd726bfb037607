"""What holds for every manifest of every base."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

from hypothesis import given

from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.names import LABEL_BASE, LABEL_MANAGED_BY, LABEL_NAME
from pronote_operator.planning.drift import differs
from tests.unit.builders.children import children, context
from tests.unit.builders.strategies import contexts

KEPT_KEYS = ("-snapshot-key", "-net")
VANISHING: tuple[Any, ...] = ({}, None, "")
"""What the API server would not give back; an empty selector or volume is meant."""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield f"{path}.{key}", item
        yield from leaves(item, f"{path}.{key}")


def keeps_data(manifest: dict[str, Any]) -> bool:
    kind, name = str(manifest["kind"]), str(manifest["metadata"]["name"])
    return kind == "PersistentVolumeClaim" or name.endswith(KEPT_KEYS)


@given(contexts())
def test_every_child_has_our_labels_and_only_those(ctx: BuildContext) -> None:
    for manifest in children(ctx):
        assert manifest["metadata"]["labels"] == {
            LABEL_MANAGED_BY: "pronote-operator",
            LABEL_NAME: "pronote",
            LABEL_BASE: ctx.name,
        }
        assert manifest["metadata"]["namespace"] == ctx.namespace
        assert manifest["metadata"]["name"].startswith(ctx.name)


@given(contexts())
def test_there_are_thirteen_children_or_twelve_with_a_superadministrator_of_yours(ctx: BuildContext) -> None:
    manifests = children(ctx)
    assert len(manifests) == (12 if ctx.base.spec.super_admin.secret_name else 13)
    assert len({(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}) == len(manifests)


@given(contexts())
def test_only_what_must_outlive_the_base_has_no_owner(ctx: BuildContext) -> None:
    for manifest in children(ctx):
        owners = manifest["metadata"].get("ownerReferences", [])
        if keeps_data(manifest) and ctx.base.spec.deletion_policy == "Retain":
            assert owners == []
        else:
            assert [(owner["uid"], owner["controller"]) for owner in owners] == [(ctx.base.metadata.uid, True)]


@given(contexts())
def test_what_must_outlive_the_base_says_whose_data_it_holds(ctx: BuildContext) -> None:
    for manifest in filter(keeps_data, children(ctx)):
        assert manifest["metadata"]["annotations"]["pronote.hosting/uai"] == ctx.base.spec.uai


@given(contexts())
def test_manifests_are_json_and_say_nothing_that_the_api_server_would_drop(ctx: BuildContext) -> None:
    for manifest in children(ctx):
        assert json.loads(json.dumps(manifest)) == manifest
        for path, value in leaves(manifest):
            if path.endswith((".egress", ".namespaceSelector")):
                continue
            assert value not in VANISHING, path
            assert value != [], path


@given(contexts())
def test_building_twice_gives_the_same_and_differs_in_nothing(ctx: BuildContext) -> None:
    for first, second in zip(children(ctx), children(ctx), strict=True):
        assert first == second
        assert differs(first, copy.deepcopy(second)) == []


@given(contexts())
def test_no_secret_value_stands_outside_the_secrets(ctx: BuildContext) -> None:
    manifests = children(ctx)
    values = [value for manifest in manifests if manifest["kind"] == "Secret" for value in manifest["data"].values()]
    rest = json.dumps([manifest for manifest in manifests if manifest["kind"] != "Secret"])
    assert not [value for value in values if len(value) > 16 and value in rest]


def test_children_are_built_in_less_than_a_millisecond() -> None:
    existing = children(context())[-1]
    fresh = [context() for _ in range(20)]

    def seconds_each() -> float:
        began = time.process_time()
        for ctx in fresh:
            children(ctx, existing)
        return (time.process_time() - began) / len(fresh)

    assert min(seconds_each() for _ in range(5)) < 0.001
