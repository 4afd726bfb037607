"""The newest known version of each of our objects, kept small.

Thousands of parsed bodies would cost tens of megabytes; as compressed JSON without managed fields they cost a
twentieth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pronote_operator.handlers.keys import Key
from pronote_operator.handlers.packing import packed, unpacked

_NOISE = ("managedFields", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class ObjectStore:
    """Bodies by key. An older version never replaces a newer one (resource versions of one kind are ordered)."""

    def __init__(self) -> None:
        self._bodies: dict[Key, tuple[int, bytes]] = {}
        self._counts: Counter[str] = Counter()

    def put(self, key: Key, body: dict[str, Any]) -> bool:
        """Keep a body; False when it is no news."""
        version = int(body["metadata"]["resourceVersion"])
        known = self._bodies.get(key)
        if known is not None and version <= known[0]:
            return False
        self._counts[key.kind] += known is None
        self._bodies[key] = (version, packed(_kept(body)))
        return True

    def put_status(self, key: Key, answer: dict[str, Any]) -> None:
        """Keep the answer to our own write of a status.

        Where it shows that somebody else changed the object meanwhile, the status alone is kept, under the version that
        was known: the change itself stays news for the watch. One that is not known any more is not kept again.
        """
        known, body = self._bodies.get(key), self.get(key)
        if known is None or body is None or int(answer["metadata"]["resourceVersion"]) <= known[0]:
            return
        kept = _kept(answer)
        if _without_status(kept) == _without_status(body):
            self.put(key, answer)
        else:
            self._bodies[key] = (known[0], packed({**body, "status": kept["status"]}))

    def get(self, key: Key) -> dict[str, Any] | None:
        """A fresh copy of the body, or None."""
        known = self._bodies.get(key)
        return None if known is None else unpacked(known[1])

    def is_newest(self, key: Key, body: Mapping[str, Any]) -> bool:
        """Whether nothing newer is known than a body that was got before."""
        known = self._bodies.get(key)
        return known is not None and known[0] == int(body["metadata"]["resourceVersion"])

    def remove(self, key: Key, *, version: int | None = None) -> bool:
        """Forget a body; with `version`, only if no newer one (an object made anew under the name) is known."""
        known = self._bodies.get(key)
        if known is None or (version is not None and known[0] > version):
            return False
        del self._bodies[key]
        self._counts[key.kind] -= 1
        return True

    def count(self, kind: str) -> int:
        """How many objects of a kind are known."""
        return self._counts[kind]

    def keys(self) -> list[Key]:
        """All keys."""
        return list(self._bodies)

    def __contains__(self, key: Key) -> bool:
        return key in self._bodies

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._bodies)


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a body."""
    metadata = {name: value for name, value in body["metadata"].items() if name not in _NOISE}
    if _LAST_APPLIED in metadata.get("annotations", {}):
        annotations = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": body.get("spec", {}), "status": body.get("status", {})}


def _without_status(kept: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a write of the status leaves as it is: all but the status and the version."""
    metadata = {name: value for name, value in kept["metadata"].items() if name != "resourceVersion"}
    return metadata, kept["spec"]
