"""The golden manifests: what the API server must take, what it must refuse, and in which words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pronote_operator.api.kind import Kind
from pronote_operator.api.kinds import KINDS

Manifest = dict[str, Any]

GOLDEN = Path(__file__).parent / "golden"
KIND_BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class Case:
    """`manifest` is created, or replaces `before`; `refused` are parts of the message, none if it is taken."""

    name: str
    manifest: Manifest
    before: Manifest | None
    refused: tuple[str, ...]


def valid_manifests() -> dict[str, Manifest]:
    """Return the valid manifests by the name of their file."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((GOLDEN / "valid").glob("*.yaml"))}


def invalid_cases() -> list[Case]:
    """Return the creations that must be refused, each a change of the smallest valid manifest of its kind."""
    return [
        Case(
            f"{path.stem}-{entry['case']}", merged(_smallest(path.stem), entry["change"]), None, tuple(entry["refused"])
        )
        for path in sorted((GOLDEN / "invalid").glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text())
    ]


def update_cases() -> list[Case]:
    """Return the updates, refused or not: `to` is a change of what `from` made of the smallest valid manifest."""
    return [
        Case(
            f"{path.stem}-{entry['case']}",
            merged(before, entry["to"]),
            before,
            tuple(entry.get("refused", ())),
        )
        for path in sorted((GOLDEN / "updates").glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text())
        for before in [merged(_smallest(path.stem), entry.get("from", {}))]
    ]


def merged(manifest: Mapping[str, Any], change: Mapping[str, Any]) -> Manifest:
    """Return `manifest` with `change` laid over it as a JSON merge patch: null removes."""
    result = dict(manifest)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            earlier = result.get(name)
            result[name] = merged(earlier if isinstance(earlier, dict) else {}, value)
        else:
            result[name] = value
    return result


def with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return `value` as the API server completes it: nulls are dropped, then defaults of absent members filled in."""
    if isinstance(value, dict) and "properties" in schema:
        present = {name: member for name, member in value.items() if member is not None}
        defaults = {name: member["default"] for name, member in schema["properties"].items() if "default" in member}
        return {
            name: with_defaults(member, schema["properties"][name]) for name, member in {**defaults, **present}.items()
        }
    return value


def collection_path(manifest: Manifest) -> str:
    """Return the URL path to which `manifest` is posted."""
    kind = KIND_BY_NAME[manifest["kind"]]
    namespace = f"/namespaces/{manifest['metadata']['namespace']}" if kind.namespaced else ""
    return f"/apis/{manifest['apiVersion']}{namespace}/{kind.plural}"


def object_path(manifest: Manifest) -> str:
    """Return the URL path of the object that `manifest` describes."""
    return f"{collection_path(manifest)}/{manifest['metadata']['name']}"


def _smallest(kind: str) -> Manifest:
    manifest: Manifest = yaml.safe_load((GOLDEN / "valid" / f"{kind}-minimal.yaml").read_text())
    return manifest
