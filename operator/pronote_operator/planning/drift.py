"""What differs between a manifest and the object that is there.

Everything that the manifest sets must be there and be equal; what others added is theirs: fields that we do not set,
labels and annotations, items of lists that the API merges by key. What we set once and no longer want must be gone (see
`dropped`). Lists that the API replaces as a whole (the rules of a NetworkPolicy, the parents of a route, a command)
must be equal to the last member of the last item, or what was added by hand, or asked for earlier, would stay for ever;
so must selectors. Builders therefore write in such lists what the API server would add.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pronote_operator.planning.dropped import dropped, ours_in
from pronote_operator.planning.quantities import InvalidQuantityError, quantity_value

OUR_GROUP = "pronote.hosting/"
"""API group of the owners that are ours; references to other owners are not looked at."""

_KEYED_LISTS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists that server-side apply merges, and their keys (the API's list-map-keys). `ports` is seen by its items."""

_ATOMIC_MAPS = frozenset({"selector", "podSelector", "namespaceSelector", "labelSelector"})
"""Maps that the API replaces as a whole: one label more selects other pods, or none."""
_QUANTITY_MAPS = frozenset({"requests", "limits"})
_ABSENT: Any = object()


def differs(wanted: Mapping[str, Any], live: object) -> list[str]:
    """Paths at which `live` is not what `wanted` says, such as `spec.template.spec.containers[server].image`.

    Args:
        wanted: a manifest that a builder made.
        live: the object as the API gave it. `apiVersion` and `kind` may be missing, as in a list. An owner reference to
            one of our kinds that `wanted` does not have (`deletionPolicy: Retain`) is reported: the garbage collector
            would act on it.

    Returns:
        The paths in the manifest's order, then what is to go; empty when nothing is to be done.
    """
    if not isinstance(live, Mapping):
        return ["(object)"]
    paths: list[str] = []
    for key, value in wanted.items():
        if key == "metadata":
            _compare_metadata(value, live.get("metadata"), paths)
            continue
        there = live.get(key, _ABSENT)
        if there == value or (there is _ABSENT and key in ("apiVersion", "kind")):
            continue
        _compare(value, there, key, key, paths)
    metadata = live.get("metadata")
    if isinstance(metadata, Mapping):
        paths.extend(dropped(wanted, ours_in(metadata.get("managedFields"))))
    return list(dict.fromkeys(paths))


def _compare_metadata(wanted: Mapping[str, Any], live: Any, paths: list[str]) -> None:
    there = live if isinstance(live, Mapping) else {}
    for key, value in wanted.items():
        if key != "ownerReferences" and there.get(key, _ABSENT) != value:
            _compare(value, there.get(key, _ABSENT), key, f"metadata.{key}", paths)
    _compare_owners(wanted.get("ownerReferences", ()), there.get("ownerReferences") or (), paths)


def _compare_owners(wanted: Any, live: Any, paths: list[str]) -> None:
    present = {owner.get("uid"): owner for owner in live if isinstance(owner, Mapping)}
    for owner in wanted:
        _compare(owner, present.pop(owner["uid"], _ABSENT), "", f"metadata.ownerReferences[{owner['uid']}]", paths)
    paths.extend(
        f"metadata.ownerReferences[{uid}]"
        for uid, owner in present.items()
        if str(owner.get("apiVersion", "")).startswith(OUR_GROUP)
    )


def _same(wanted: Any, live: Any, key: str) -> bool:
    """Whether `live` is what `wanted` says: the test that runs at every pass, without making paths."""
    if wanted == live:
        return True
    if key in _ATOMIC_MAPS:
        return False
    if isinstance(wanted, dict):
        if not isinstance(live, Mapping):
            return False
        if key in _QUANTITY_MAPS:
            return all(_same_quantity(amount, live.get(name)) for name, amount in wanted.items())
        for name, value in wanted.items():
            there = live.get(name, _ABSENT)
            if there != value and not _same(value, there, name):
                return False
        return True
    if isinstance(wanted, list):
        pairs = _pairs(wanted, live, key)
        return pairs is not None and all(item == there or _same(item, there, "") for _, item, there in pairs)
    return key == "sizeLimit" and _same_quantity(wanted, live)


def _compare(wanted: Any, live: Any, key: str, path: str, paths: list[str]) -> None:
    """Append the paths below `path` at which `live` lacks or contradicts `wanted`; `key` is the field's own name."""
    if _same(wanted, live, key):
        return
    if key in _ATOMIC_MAPS:
        paths.append(path)
        return
    if isinstance(wanted, dict) and isinstance(live, Mapping):
        if key in _QUANTITY_MAPS:
            paths.extend(f"{path}.{k}" for k, v in wanted.items() if not _same_quantity(v, live.get(k)))
            return
        for name, value in wanted.items():
            _compare(value, live.get(name, _ABSENT), name, f"{path}.{name}", paths)
        return
    pairs = _pairs(wanted, live, key) if isinstance(wanted, list) else None
    if pairs is None:
        _compare_whole(wanted, live, key, path, paths)
        return
    for label, item, there in pairs:
        _compare(item, there, "", f"{path}[{label}]", paths)


def _compare_whole(wanted: Any, live: Any, key: str, path: str, paths: list[str]) -> None:
    """As `_compare`, of what the API replaces as a whole: nothing more may be there either."""
    if wanted == live:
        return
    if isinstance(wanted, dict) and isinstance(live, Mapping) and key not in _ATOMIC_MAPS:
        for name in {**wanted, **live}:
            _compare_whole(wanted.get(name, _ABSENT), live.get(name, _ABSENT), name, f"{path}.{name}", paths)
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for place, (item, there) in enumerate(zip(wanted, live, strict=True)):
            _compare_whole(item, there, "", f"{path}[{place}]", paths)
    else:
        paths.append(path)


def _pairs(wanted: list[Any], live: Any, key: str) -> list[tuple[Any, Any, Any]] | None:
    """Each wanted item with its label in a path and its counterpart; None when the API replaces the list as a whole."""
    if not isinstance(live, list):
        return [] if live is _ABSENT and not wanted else None  # The API drops an empty list.
    names = _KEYED_LISTS.get(key) or (_port_keys(wanted) if key == "ports" else None)
    if names is None:
        return None
    if len(names) == 1:
        name = names[0]
        present = {item.get(name): item for item in live if isinstance(item, Mapping)}
        return [(item[name], item, present.get(item[name], _ABSENT)) for item in wanted]
    several = {tuple(item.get(n) for n in names): item for item in live if isinstance(item, Mapping)}
    return [
        (item.get("name", item[names[0]]), item, several.get(tuple(item.get(n) for n in names), _ABSENT))
        for item in wanted
    ]


def _port_keys(wanted: list[Any]) -> tuple[str, ...] | None:
    """`ports` is a map in a container (containerPort) and in a Service (name), and a whole in a NetworkPolicy."""
    first = wanted[0] if wanted and isinstance(wanted[0], Mapping) else {}
    if "containerPort" in first:
        return ("containerPort", "protocol")
    return ("port", "protocol") if "name" in first else None


def _same_quantity(wanted: Any, live: Any) -> bool:
    if wanted == live:
        return True
    try:
        return quantity_value(str(wanted)) == quantity_value(str(live))
    except InvalidQuantityError:
        return False
