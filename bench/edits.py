"""What the measurement of reactions does to children: changes that the operator must take back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pronote_operator.cluster.kinds import BY_KIND, Kind

_EDITED = "edited"
_LABEL: Mapping[str, Any] = {"metadata": {"labels": {"app.kubernetes.io/name": _EDITED}}}

_EDITS: Mapping[str, Mapping[str, Any]] = {
    # The content of Secrets is kept as it is found, and the spec of a claim cannot be changed: both are relabelled.
    "Secret": _LABEL,
    "PersistentVolumeClaim": _LABEL,
    "ConfigMap": {"data": {"settings.json": "{}", "parameters.json": "{}"}},
    "Service": {"spec": {"selector": {"pronote.hosting/base": _EDITED}}},
    "NetworkPolicy": {"spec": {"policyTypes": ["Egress"]}},
    "StatefulSet": {"spec": {"replicas": 0}},
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one child.

    Args:
        change: a merge patch; None deletes the child.
    """

    kind: Kind
    namespace: str
    name: str
    change: Mapping[str, Any] | None

    @property
    def identity(self) -> tuple[str, str, str]:
        """Which child."""
        return self.kind.kind, self.namespace, self.name


def change_for(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch that changes only fields which this child has: what nobody wants is nobody's to take back."""
    return _within(_EDITS[kind], body)


def holds(change: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether any value of the merge patch is (still) in the body."""
    for name, value in change.items():
        there = body.get(name)
        if isinstance(value, Mapping):
            if isinstance(there, Mapping) and holds(value, there):
                return True
        elif there == value:
            return True
    return False


def chosen(children: list[tuple[str, str, str]], count: int, seed: int) -> list[tuple[str, str, str, bool]]:
    """So many different children, all kinds alike, in random order: (kind, namespace, name, whether to delete it).

    Claims are never deleted: Kubernetes keeps a claim in use until its pod is gone, whatever the operator does.
    """
    dice = random.Random(seed)  # noqa: S311 - a sample, no secret
    by_kind: dict[str, list[tuple[str, str, str]]] = {}
    for child in sorted(children):
        by_kind.setdefault(child[0], []).append(child)
    for of_kind in by_kind.values():
        dice.shuffle(of_kind)
    picked: list[tuple[str, str, str, bool]] = []
    while len(picked) < count and any(by_kind.values()):
        for kind, of_kind in sorted(by_kind.items()):
            if of_kind and len(picked) < count:
                picked.append((*of_kind.pop(), kind != "PersistentVolumeClaim" and dice.random() < 0.5))
    dice.shuffle(picked)
    return picked


def kind_of(name: str) -> Kind:
    """The kind by its name."""
    return BY_KIND[name]


def _within(change: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    fitting: dict[str, Any] = {}
    for name, value in change.items():
        if name not in body:
            continue
        if isinstance(value, Mapping):
            inner = _within(value, body[name]) if isinstance(body[name], Mapping) else {}
            if inner:
                fitting[name] = inner
        else:
            fitting[name] = value
    return fitting
