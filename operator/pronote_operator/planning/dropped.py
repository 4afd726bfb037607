"""What we applied to an object and no longer want: server-side apply takes it away, but only when something is applied.

The API server notes in `metadata.managedFields` which members each manager's last apply set, so that what others added
is never taken for ours. Lists and maps that the API replaces as wholes are noted as wholes: `drift` compares those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
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
    return ["".join(steps).removeprefix(".") for steps in _missing(wanted, ours)]


def _missing(wanted: Any, ours: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Steps to each member that is not wanted. Runs for every child that is judged: no path is made for nothing."""
    found: list[tuple[str, ...]] = []
    for member, below in ours.items():
        if member == _SELF:
            continue
        sort, name = member[0], member[2:]
        if sort == "f":
            there = isinstance(wanted, Mapping) and name in wanted
            item = wanted[name] if there else None
        else:
            there, item = _item(wanted, sort, _named(name))
        lost = [()] if not there else _missing(item, below) if below else []
        if lost:
            step = f".{name}" if sort == "f" else f"[{_label(sort, name)}]"
            found.extend((step, *rest) for rest in lost)
    return found


def _item(wanted: Any, sort: str, named: Any) -> tuple[bool, Any]:
    """Whether a list has the item with these keys ("k"), with this value ("v"), or at this place ("i"); and the item.

    See sigs.k8s.io/structured-merge-diff, `fieldpath.PathElement`.
    """
    if not isinstance(wanted, list):
        return False, None
    if sort == "i":
        found = wanted[named : named + 1]
        return bool(found), found[0] if found else None
    for item in wanted:
        if item == named if sort == "v" else all(item.get(key) == value for key, value in named.items()):
            return True, item
    return False, None


def _label(sort: str, name: str) -> str:
    return ",".join(map(str, _named(name).values())) if sort == "k" else str(_named(name))


@lru_cache(maxsize=1024)
def _named(text: str) -> Any:
    return json.loads(text)
