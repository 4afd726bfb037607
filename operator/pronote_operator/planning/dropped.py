"""What we applied to an object and no longer want: server-side apply takes it away, but only when something is applied.

The API server notes in `metadata.managedFields` which members each manager's last apply set, so that what others added
is never taken for ours. Lists and maps that the API replaces as wholes are noted as wholes: `drift` compares those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pronote_operator.api.constants import FIELD_MANAGER

_SELF = "."


def ours_in(managed_fields: object) -> Mapping[str, Any]:
    """The members that our last apply set, in the API's notation (FieldsV1); empty when nothing is noted.

    Args:
        managed_fields: `metadata.managedFields` as the API gave it, or None.
    """
    for entry in managed_fields if isinstance(managed_fields, list) else ():
        if is_our_apply(entry):
            return entry.get("fieldsV1") or {}
    return {}


def is_our_apply(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of `metadata.managedFields` is of what we applied, not of a status or of a change otherwise."""
    written = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
    return written and not entry.get("subresource")


def dropped(wanted: Any, ours: Mapping[str, Any]) -> list[str]:
    """Paths of the members that are `ours` and that the manifest no longer has, such as `spec.ingressClassName`.

    Args:
        wanted: a manifest that a builder made.
        ours: what `ours_in` says of the object that is there.
    """
    paths: list[str] = []
    _collect(wanted, ours, "", paths)
    return paths


def _collect(wanted: Any, ours: Mapping[str, Any], path: str, paths: list[str]) -> None:
    for member, below in ours.items():
        if member == _SELF:
            continue
        sort, _, name = member.partition(":")
        if sort == "f":
            here = f"{path}.{name}" if path else name
            there = isinstance(wanted, Mapping) and name in wanted
            item = wanted[name] if there else None
        else:
            named = json.loads(name)
            label = ",".join(str(value) for value in named.values()) if sort == "k" else named
            here = f"{path}[{label}]"
            there, item = _item(wanted, sort, named)
        if not there:
            paths.append(here)
        elif below:
            _collect(item, below, here, paths)


def _item(wanted: Any, sort: str, named: Any) -> tuple[bool, Any]:
    """Whether a list has the item with these keys ("k"), with this value ("v"), or at this place ("i"); and the item.

    See sigs.k8s.io/structured-merge-diff, `fieldpath.PathElement`.
    """
    if not isinstance(wanted, list):
        return False, None
    if sort == "k":
        found = [item for item in wanted if all(item.get(key) == value for key, value in named.items())]
    elif sort == "v":
        found = [item for item in wanted if item == named]
    else:
        found = wanted[named : named + 1]
    return bool(found), found[0] if found else None
