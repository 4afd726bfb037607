"""Generates the CustomResourceDefinitions and their reference page from the models.

    python -m pronote_operator.api.crd --write crds/ --docs docs/reference/api.md
    python -m pronote_operator.api.crd --check crds/ --docs docs/reference/api.md

What comes out is what the API server answers when asked for the CRD again, less what only it knows (uid, status, …), so
that a GitOps tool finds no difference. `pydantic` writes JSON Schema; a CRD takes a *structural* schema, hence:

- `$ref` is replaced by what it refers to, and `X | None` by X: an absent member is how the API says "none";
- defaults are kept for single values of the spec only. Inside a list item they would be a lasting difference for tools
  that compare lists as a whole; of an object they would hide that its members have defaults of their own;
- a pattern for which there is a rule in words is left out: the API server would quote it first;
- the status has the one default that makes a new object "not yet looked at", and no CEL rules: people do not write it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .constants import CATEGORY, GROUP, VERSION
from .kind import Column, Kind
from .kinds import KINDS
from .reference import reference_page
from .schema import VALIDATIONS

Schema = dict[str, Any]

_TYPE_DESCRIPTIONS = {
    "apiVersion": f"Version of this object's form: {GROUP}/{VERSION}.",
    "kind": "The kind of this object.",
}
_NOT_OBSERVED = {"observedGeneration": -1}


def crd(kind: Kind) -> Schema:
    """Return the CustomResourceDefinition of `kind` as the API server returns it."""
    singular = kind.name.lower()
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "conversion": {"strategy": "None"},
            "group": GROUP,
            "names": {
                "categories": [CATEGORY],
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "shortNames": list(kind.short_names),
                "singular": singular,
            },
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [
                {
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "name": VERSION,
                    "schema": {"openAPIV3Schema": openapi_schema(kind)},
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def openapi_schema(kind: Kind) -> Schema:
    """Return the structural schema of the objects of `kind`."""
    model = kind.model.model_json_schema(by_alias=True)
    definitions = model.get("$defs", {})
    members = model["properties"]
    spec = _structural(members["spec"], definitions)
    status = _without(_structural(members["status"], definitions), "default", VALIDATIONS)
    status["default"] = dict(_NOT_OBSERVED)
    status["properties"]["observedGeneration"]["default"] = _NOT_OBSERVED["observedGeneration"]
    schema: Schema = {
        "description": model["description"],
        "properties": {
            **{name: {"description": text, "type": "string"} for name, text in _TYPE_DESCRIPTIONS.items()},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        "required": ["spec"],
        "type": "object",
    }
    if VALIDATIONS in model:
        schema[VALIDATIONS] = model[VALIDATIONS]
    return schema


def _column(column: Column) -> Schema:
    manifest: Schema = {
        "description": column.description,
        "jsonPath": column.json_path,
        "name": column.name,
        "type": column.type,
    }
    if column.priority:
        manifest["priority"] = column.priority
    return manifest


def _structural(schema: Mapping[str, Any], definitions: Mapping[str, Schema], in_list: bool = False) -> Schema:
    """Return `schema` in the form that a CRD takes; `in_list`: it is within a list's item or a map's value."""
    flat = _flattened(schema, definitions)
    flat.pop("title", None)
    if _said_in_words(flat):
        del flat["pattern"]
    if "default" in flat and (in_list or not isinstance(flat["default"], str | int | bool)):
        del flat["default"]
    if "properties" in flat:
        flat["properties"] = {
            name: _structural(member, definitions, in_list) for name, member in flat["properties"].items()
        }
    for items in ("items", "additionalProperties"):
        if isinstance(flat.get(items), dict):
            flat[items] = _structural(flat[items], definitions, in_list=True)
    return flat


def _said_in_words(schema: Schema) -> bool:
    """Return whether a rule asks for the same as the pattern: the API server would then refuse a value twice."""
    return "pattern" in schema and any(schema["pattern"] in rule["rule"] for rule in schema.get(VALIDATIONS, []))


def _flattened(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """Return `schema` with `$ref` and nullable unions resolved at its top; what is said beside them wins."""
    flat = dict(schema)
    if "$ref" in flat:
        target = definitions[flat.pop("$ref").removeprefix("#/$defs/")]
        flat = _merged(_flattened(target, definitions), flat)
    if {"type": "null"} in flat.get("anyOf", []):
        (member,) = (one for one in flat.pop("anyOf") if one != {"type": "null"})
        flat = _merged(_flattened(member, definitions), flat)
    return flat


def _merged(inner: Schema, outer: Schema) -> Schema:
    merged = {**inner, **outer}
    if rules := [*inner.get(VALIDATIONS, []), *outer.get(VALIDATIONS, [])]:
        merged[VALIDATIONS] = rules
    return merged


def _without(schema: Schema, *keywords: str) -> Schema:
    """Return `schema` without `keywords`, at every depth (but not without properties that are called so)."""
    kept = {name: value for name, value in schema.items() if name not in keywords}
    if "properties" in kept:
        kept["properties"] = {name: _without(member, *keywords) for name, member in kept["properties"].items()}
    for items in ("items", "additionalProperties"):
        if isinstance(kept.get(items), dict):
            kept[items] = _without(kept[items], *keywords)
    return kept


def render(kind: Kind) -> str:
    """Return the CRD of `kind` as YAML, members sorted as `kubectl get -o yaml` sorts them."""
    text: str = yaml.dump(crd(kind), Dumper=_Plain, sort_keys=True, allow_unicode=True, width=120)
    return f"# Generated by python -m pronote_operator.api.crd; do not edit.\n{text}"


class _Plain(yaml.SafeDumper):
    """YAML without anchors: rules that occur twice are written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def generated_files(folder: Path, docs: Path | None) -> dict[Path, str]:
    """Return what each generated file holds: the CRDs in `folder`, and the reference page `docs`."""
    files = {folder / f"{GROUP}_{kind.plural}.yaml": render(kind) for kind in KINDS}
    if docs:
        files[docs] = reference_page({kind: openapi_schema(kind) for kind in KINDS})
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated files, or say which differ from what the models give; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pronote_operator.api.crd", description="Generate the CRDs.")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", type=Path, metavar="FOLDER", help="write the CRDs into this folder")
    action.add_argument("--check", type=Path, metavar="FOLDER", help="exit 1 when the CRDs in this folder differ")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="also write, or check, the reference page")
    options = parser.parse_args(arguments)
    if options.write:
        for path, text in generated_files(options.write, options.docs).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    files = generated_files(options.check, options.docs)
    differing = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    differing += [path for path in sorted(options.check.glob("*.yaml")) if path not in files]
    for path in differing:
        sys.stderr.write(f"{path} is not what the models give: run with --write\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
