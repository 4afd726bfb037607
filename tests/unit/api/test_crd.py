"""The generated CRDs: up to date, structural, bounded and described throughout."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pronote_operator.api.crd import crd, main, openapi_schema, render
from pronote_operator.api.kind import Kind
from pronote_operator.api.kinds import KINDS
from tests.api.manifests import valid_manifests

ROOT = Path(__file__).parents[3]
Schema = Mapping[str, Any]

all_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def walk(schema: Schema, path: str = "", in_list: bool = False) -> Iterator[tuple[str, Schema, bool]]:
    """Yield (path, schema, whether within a list's item or a map's value) of `schema` and all below it."""
    yield path, schema, in_list
    for name, member in schema.get("properties", {}).items():
        yield from walk(member, f"{path}.{name}", in_list)
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]", True)
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from walk(schema["additionalProperties"], f"{path}.*", True)


def parts(kind: Kind) -> Iterator[tuple[str, Schema, bool]]:
    """Yield what `walk` yields of spec and status."""
    for part in ("spec", "status"):
        yield from walk(openapi_schema(kind)["properties"][part], part)


def test_the_generated_files_are_what_the_models_give() -> None:
    assert main(["--check", str(ROOT / "crds"), "--docs", str(ROOT / "docs/reference/api.md")]) == 0


def test_a_changed_a_missing_and_a_foreign_file_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--write", str(tmp_path / "crds"), "--docs", str(tmp_path / "api.md")]) == 0
    assert main(["--check", str(tmp_path / "crds"), "--docs", str(tmp_path / "api.md")]) == 0
    changed, missing, *_ = sorted((tmp_path / "crds").iterdir())
    changed.write_text(changed.read_text() + "# by hand\n")
    missing.unlink()
    (tmp_path / "crds" / "older.yaml").write_text("{}")

    assert main(["--check", str(tmp_path / "crds"), "--docs", str(tmp_path / "api.md")]) == 1
    told = capsys.readouterr().err
    assert [name for name in (changed.name, missing.name, "older.yaml") if name not in told] == []
    assert "api.md" not in told


@all_kinds
def test_the_file_holds_the_crd_without_anchors(kind: Kind) -> None:
    text = render(kind)

    assert yaml.safe_load(text) == crd(kind)
    assert "&id" not in text


@all_kinds
def test_every_member_is_described(kind: Kind) -> None:
    silent = [path for path, schema, _ in parts(kind) if path[-2:] != "[]" and not schema.get("description")]

    assert [path for path in silent if not path.endswith(".*")] == []


@all_kinds
def test_every_text_list_map_and_number_is_bounded(kind: Kind) -> None:
    assert [path for path, schema, _ in parts(kind) if not _bounded(schema)] == []


@all_kinds
def test_defaults_are_single_values_outside_lists_and_the_status_has_one(kind: Kind) -> None:
    defaults = {path: (schema["default"], in_list) for path, schema, in_list in parts(kind) if "default" in schema}
    of_status = {path: default for path, (default, _) in defaults.items() if path.startswith("status")}

    assert of_status == {"status": {"observedGeneration": -1}, "status.observedGeneration": -1}
    of_spec = {path: found for path, found in defaults.items() if path.startswith("spec")}
    assert [path for path, (_, in_list) in of_spec.items() if in_list] == []
    assert [path for path, (default, _) in of_spec.items() if not isinstance(default, str | int | bool)] == []


@all_kinds
def test_the_schema_is_structural(kind: Kind) -> None:
    unknown = {
        f"{path}: {keyword}"
        for path, schema, _ in walk(openapi_schema(kind))
        for keyword in schema
        if keyword in {"$ref", "$defs", "title", "const", "exclusiveMinimum", "exclusiveMaximum", "nullable", "oneOf"}
    }
    unions = [
        path
        for path, schema, _ in walk(openapi_schema(kind))
        if "anyOf" in schema and not schema.get("x-kubernetes-int-or-string")
    ]

    assert unknown == set()
    assert unions == []


@all_kinds
def test_every_rule_says_what_is_allowed(kind: Kind) -> None:
    rules = [rule for _, schema, _ in walk(openapi_schema(kind)) for rule in schema.get("x-kubernetes-validations", [])]

    assert rules
    assert [rule for rule in rules if not rule.get("message")] == []


@all_kinds
def test_conditions_are_told_apart_by_their_type(kind: Kind) -> None:
    conditions = openapi_schema(kind)["properties"]["status"]["properties"]["conditions"]

    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


@all_kinds
def test_every_list_says_how_it_is_merged(kind: Kind) -> None:
    lists = {path: schema for path, schema, _ in parts(kind) if schema.get("type") == "array"}

    assert [path for path, schema in lists.items() if "x-kubernetes-list-type" not in schema] == []


@all_kinds
def test_columns_begin_with_ready_and_end_with_age(kind: Kind) -> None:
    names = [column.name for column in kind.columns]

    assert (names[0], names[-1]) == ("Ready", "Age")


@all_kinds
def test_the_valid_manifests_use_every_member_of_the_spec(kind: Kind) -> None:
    specs = [manifest["spec"] for manifest in valid_manifests().values() if manifest["kind"] == kind.name]
    used = {path for spec in specs for path in _used(spec, openapi_schema(kind)["properties"]["spec"], "spec")}
    declared = {path for path, _, _ in walk(openapi_schema(kind)["properties"]["spec"], "spec")}

    assert declared - used == set()


def _bounded(schema: Schema) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return "maxLength" in schema
    match schema.get("type"):
        case "string":
            return "maxLength" in schema or "enum" in schema or schema.get("format") == "date-time"
        case "array":
            return "maxItems" in schema
        case "object":
            return "properties" in schema or "maxProperties" in schema
        case "integer":
            return schema.get("format") == "int64" or {"minimum", "maximum"} <= set(schema)
        case "boolean":
            return True
        case _:
            return False


def _used(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if value is None:
        return
    yield path
    if "properties" in schema:
        for name, member in value.items():
            yield from _used(member, schema["properties"][name], f"{path}.{name}")
    elif isinstance(value, dict):
        for member in value.values():
            yield from _used(member, schema["additionalProperties"], f"{path}.*")
    elif isinstance(value, list):
        for item in value:
            yield from _used(item, schema["items"], f"{path}[]")
