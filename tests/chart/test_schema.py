"""The closed schema of the values: a misspelt key is refused by its name, at every level."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, templated

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
VALUES_TEXT = (CHART / "values.yaml").read_text()
VALUES: dict[str, Any] = yaml.safe_load(VALUES_TEXT)

OPEN = {"global"}
"""`global` belongs to a chart that contains this one."""
ANY_NAME = "any-name"
"""Stands for each name in a map of names to objects."""


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The node that a `$ref` names, or the node itself."""
    if "$ref" not in node:
        return node
    definition: dict[str, Any] = SCHEMA["definitions"][node["$ref"].removeprefix("#/definitions/")]
    return definition


def objects(
    node: dict[str, Any], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Every object in the schema with its path in the values; the first item stands for a list."""
    node = resolved(node)
    if node.get("type") == "object":
        yield path, node
    for key, child in node.get("properties", {}).items():
        yield from objects(child, (*path, key))
    if "items" in node:
        yield from objects(node["items"], (*path, 0))
    if "$ref" in (node.get("additionalProperties") or {}):
        yield from objects(node["additionalProperties"], (*path, ANY_NAME))


CLOSED = [path for path, node in objects(SCHEMA) if node.get("additionalProperties") is False]


def nested(path: tuple[str | int, ...], leaf: object) -> object:
    """Values that hold `leaf` at `path` and nothing else."""
    for step in reversed(path):
        leaf = [leaf] if step == 0 else {step: leaf}
    return leaf


def test_every_object_is_closed_or_a_map_of_strings_or_of_closed_objects() -> None:
    for path, node in objects(SCHEMA):
        if path and path[0] in OPEN:
            continue
        others = node.get("additionalProperties")
        assert others in (False, {"type": "string"}) or set(others or ()) == {"$ref"}, path


@pytest.mark.parametrize("path", CLOSED, ids=lambda path: ".".join(map(str, path)) or "top")
def test_a_misspelt_key_is_refused_by_name(path: tuple[str | int, ...], tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(nested(path, {"misspelt": "x"})))
    done = templated("-f", values)
    assert done.returncode != 0
    where = "".join(f"/{step}" for step in path)
    assert f"at '{where}': additional properties 'misspelt' not allowed" in done.stderr


@pytest.mark.parametrize("key", sorted(VALUES))
def test_each_top_level_key_misspelt_is_refused(key: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({key + "s": VALUES[key]}))
    done = templated("-f", values)
    assert done.returncode != 0
    assert f"additional properties '{key}s' not allowed" in done.stderr


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("replicaCount=0", "minimum"),
        ("image.pullPolicy=Sometimes", "'Always', 'IfNotPresent', 'Never'"),
        ("image.digest=sha256:12", "does not match pattern"),
        ("settings.clientServiceType=ExternalName", "'ClusterIP', 'NodePort', 'LoadBalancer'"),
        ("settings.logLevel=info", "'DEBUG', 'INFO', 'WARNING', 'ERROR'"),
        ("settings.workers=many", "want integer"),
        ("watchNamespaces={Schools}", "does not match pattern"),
        ("networkPolicy.apiServer.cidrs={anywhere}", "does not match pattern"),
        ("resources.limits.memory=lots", "does not match pattern"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_is_allowed(setting: str, allowed: str) -> None:
    done = templated("--set", setting)
    assert done.returncode != 0
    assert allowed in done.stderr
    assert setting.partition("=")[0].replace(".", "/") in done.stderr


def test_values_and_schema_have_the_same_keys() -> None:
    def keys(node: dict[str, Any]) -> dict[str, Any]:
        return {k: keys(v) for k, v in node.items() if isinstance(v, dict) and v} | {
            k: {} for k, v in node.items() if not isinstance(v, dict) or not v
        }

    for path, node in objects(SCHEMA):
        if (
            {0, ANY_NAME} & set(path)
            or node.get("additionalProperties") is not False
            or node == SCHEMA["definitions"]["quantities"]
        ):
            continue
        values: Any = VALUES
        for step in path:
            values = values[step]
        assert set(values) == set(node["properties"]) - OPEN, path


def test_every_value_has_a_comment() -> None:
    lines = VALUES_TEXT.splitlines()
    grouped = {"resources", "nodeSelector", "tolerations", "priorityClassName", "podAnnotations", "podLabels"}
    # `resources` is explained inside; the keys of scheduling share the comment above the first of them.
    leaves = [
        (number, line)
        for number, line in enumerate(lines)
        if line and not line.lstrip().startswith(("#", "-")) and line.partition(":")[2].strip()
    ]
    for number, line in leaves:
        key = line.strip().partition(":")[0]
        depth = len(line) - len(line.lstrip())
        if key in grouped or depth > 2 or key in {"cpu", "memory"}:
            continue
        assert lines[number - 1].lstrip().startswith("#"), f"values.yaml line {number + 1}: {key} has no comment"


def test_an_umbrella_chart_may_pass_its_globals() -> None:
    assert templated("--set", "global.storageClass=fast").returncode == 0
