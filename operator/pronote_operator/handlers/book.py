"""What is known of the children of each base and publication, filled by the reflectors and read by the reconciler.

A child's body is kept (compressed) only from the event that brought it until the base is next reconciled; what stays is
a signature of the manifest that is known to be in place, and a few facts. So thousands of bases cost little memory, and
a reconcile with nothing to do sends no request.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pronote_operator.builders.names import LABEL_BASE, LABEL_PUBLICATION
from pronote_operator.cluster.kinds import CHILD_KINDS, WEB_KINDS, Kind
from pronote_operator.handlers.keys import Key, base_key, publication_key
from pronote_operator.handlers.packing import packed, unpacked
from pronote_operator.planning.dropped import is_our_apply

ChildId = tuple[str, str]
"""(kind, name) within the namespace of the base."""


@dataclass(slots=True)
class Child:
    """One object that is there.

    Args:
        version: its resource version.
        body: the compressed body that was not judged yet, or None.
        signature: of the manifest that is known to be in place, or None: it must be applied again.
        facts: what was remembered when it was judged.
    """

    version: int
    body: bytes | None = None
    signature: bytes | None = None
    facts: Any = None

    def take_body(self) -> dict[str, Any] | None:
        """The body to judge, given away once."""
        if self.body is None:
            return None
        body = unpacked(self.body)
        self.body = None
        return body

    def hold(self, body: dict[str, Any]) -> None:
        """Keep a body until it is judged."""
        self.version = int(body["metadata"]["resourceVersion"])
        metadata = body["metadata"]
        if "managedFields" in metadata:
            # Who wrote it counts; which fields others own does not, and is most of the body.
            managers = [
                entry if is_our_apply(entry) else {"manager": entry.get("manager"), "operation": entry.get("operation")}
                for entry in metadata["managedFields"] or ()
            ]
            body = {**body, "metadata": {**metadata, "managedFields": managers}}
        self.body = packed(body)


class ChildBook:
    """Children by base.

    Args:
        mark: called with the key of a base whose children changed.
    """

    def __init__(self, mark: Callable[[Key], None]) -> None:
        self._mark = mark
        self._children: dict[Key, dict[ChildId, Child]] = {}
        self._base_of: dict[tuple[str, str], dict[str, Key]] = {}
        """By (kind, namespace) and name: a tuple for each of many thousands of children would cost megabytes."""
        self._ending: set[Key] = set()
        self._synced: dict[tuple[str, str], asyncio.Event] = {}

    def of(self, base: Key) -> dict[ChildId, Child]:
        """The children of a base: a live mapping, which the reconciler updates with what it applied."""
        return self._children.setdefault(base, {})

    def end(self, base: Key) -> None:
        """No child of a base can be made any more, until it is forgotten: its namespace is being deleted."""
        self._ending.add(base)

    def ends(self, base: Key) -> bool:
        """Whether `end` was said of a base."""
        return base in self._ending

    def bases(self) -> list[Key]:
        """Every base that children are known of, also one that is gone itself."""
        return list(self._children)

    def applied(self, base: Key, kind: str, body: dict[str, Any], signature: bytes, facts: Any) -> None:
        """A child was just applied; its event will be no news."""
        metadata = body["metadata"]
        name = sys.intern(metadata["name"])
        child_id = (kind, name)
        children = self.of(base)
        child = children.get(child_id)
        version = int(metadata["resourceVersion"])
        if child is not None and child.version > version:
            return  # an event of a later change came first: it is judged in the next pass
        children[child_id] = Child(version=version, signature=signature, facts=facts)
        self._bases_in(kind, sys.intern(metadata["namespace"]))[name] = base

    def forget(self, base: Key) -> None:
        """A base is gone and so is what was known of its children."""
        self._ending.discard(base)
        for kind, name in self._children.pop(base, {}):
            self._take_base(kind, base.namespace, name)

    def seen(self, kind: Kind, body: dict[str, Any]) -> None:
        """A reflector brought an object."""
        metadata = body["metadata"]
        name = sys.intern(metadata["name"])
        place = (kind.kind, sys.intern(metadata["namespace"]))
        base = self._base_of.get(place, {}).get(name) or _owner_in(metadata)
        if base is None:
            return
        child_id = (kind.kind, name)
        children = self.of(base)
        child = children.get(child_id)
        if child is None:
            child = children[child_id] = Child(version=0)
            self._bases_in(*place)[name] = base
        if int(metadata["resourceVersion"]) <= child.version:
            return
        child.hold(body)
        self._mark(base)

    def gone(self, kind: Kind, namespace: str, name: str) -> None:
        """A reflector found an object gone."""
        base = self._take_base(kind.kind, namespace, name)
        if base is not None:
            self._children.get(base, {}).pop((kind.kind, name), None)
            self._mark(base)

    def _bases_in(self, kind: str, namespace: str) -> dict[str, Key]:
        return self._base_of.setdefault((kind, namespace), {})

    def _take_base(self, kind: str, namespace: str, name: str) -> Key | None:
        bases = self._base_of.get((kind, namespace), {})
        base = bases.pop(name, None)
        if not bases:
            self._base_of.pop((kind, namespace), None)
        return base

    def listed(self, kind: Kind, namespace: str | None) -> None:
        """A reflector finished a complete list."""
        self._list_of(kind, namespace or "").set()

    def unlisted(self, kind: Kind, namespace: str) -> None:
        """A reflector of one namespace was stopped."""
        self._synced.pop((kind.kind, namespace), None)

    async def first_list(self, kind: Kind, namespace: str) -> None:
        """Return when a reflector of that one namespace finished its first list."""
        await self._list_of(kind, namespace).wait()

    def knows(self, kind: Kind, namespace: str) -> bool:
        """Whether a complete list of the kind in the namespace was seen."""
        lists = (self._synced.get((kind.kind, "")), self._synced.get((kind.kind, namespace)))
        return any(listed is not None and listed.is_set() for listed in lists)

    def knows_all(self, namespace: str) -> bool:
        """Whether every kind of child but Secrets was listed for the namespace."""
        return all(self.knows(kind, namespace) for kind in CHILD_KINDS)

    def knows_web(self, namespace: str) -> bool:
        """Whether every kind of child of a publication but HTTPRoutes was listed for the namespace."""
        return self.knows_all(namespace) and all(self.knows(kind, namespace) for kind in WEB_KINDS)

    def _list_of(self, kind: Kind, namespace: str) -> asyncio.Event:
        return self._synced.setdefault((kind.kind, namespace), asyncio.Event())


def _owner_in(metadata: dict[str, Any]) -> Key | None:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("kind") == "PronoteBase":
            return base_key(metadata["namespace"], owner["name"])
        if owner.get("kind") == "Publication":
            return publication_key(metadata["namespace"], owner["name"])
    labels = metadata.get("labels") or {}
    if publication := labels.get(LABEL_PUBLICATION):
        return publication_key(metadata["namespace"], publication)
    name = labels.get(LABEL_BASE)
    return base_key(metadata["namespace"], name) if name else None
