"""Bringing the children of a base to what is wanted: judge what is there, apply what differs.

A manifest whose signature is known to be in place is not sent. What is not known is fetched first: server-side apply
would silently merge into an object that belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import BY_KIND
from pronote_operator.errors import Unusable
from pronote_operator.handlers.book import Child, ChildBook
from pronote_operator.handlers.keys import Key
from pronote_operator.planning.drift import differs
from pronote_operator.planning.facts import Ownership, ownership
from pronote_operator.planning.hashing import stable_hash


class NotYet(Exception):  # noqa: N818 - not an error: something else must happen first
    """The pass ends here and comes again: the message says what is waited for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One child as it is to be.

    Args:
        kind: its kind.
        name: its name.
        inputs: what the manifest follows from; its hash is the signature.
        build: makes the manifest, given the object that is there (None: there is none).
        facts: what to remember of the object as stored.
    """

    kind: str
    name: str
    inputs: Any
    build: Callable[[Object | None], Object]
    facts: Callable[[Object], Any] = lambda _: None


class Converger:
    """Applies children.

    Args:
        on_repair: told of (base, kind, name, paths that differed) when a child is changed back.
    """

    def __init__(
        self, client: KubeClient, book: ChildBook, *, on_repair: Callable[[Key, str, str, list[str]], Awaitable[None]]
    ) -> None:
        self._client = client
        self._book = book
        self._on_repair = on_repair

    async def look(self, base: Key, uid: str, kind: str, name: str) -> Object | None:
        """The object under a child's name if it must be judged, else None (it is known, or there is none).

        Raises:
            Unusable: it belongs to somebody else.
            NotYet: it belongs to a deleted base of the same name.
        """
        child = self._book.of(base).get((kind, name))
        body = child.take_body() if child is not None else None
        if child is None:
            body = await self._client.get(BY_KIND[kind], base.namespace, name)
        if body is not None:
            refuse_others(kind, body, uid)
        return body

    async def peek(self, base: Key, uid: str, kind: str, name: str, judge: Callable[[Object], Any]) -> Any:
        """Facts about a child before anything is applied; None when there is none. Its body stays to be judged.

        Raises:
            Unusable, NotYet: as `look`.
        """
        child = self._book.of(base).get((kind, name))
        if child is not None and child.body is None:
            return child.facts
        body = await self.look(base, uid, kind, name)
        if body is None:
            return None
        facts = judge(body)
        child = self._book.of(base).get((kind, name))
        if child is not None:
            child.facts = facts
            child.hold(body)
        return facts

    async def bring(self, base: Key, uid: str, wanted: Wanted) -> Any:
        """Have one child in place; returns the facts about it.

        Raises:
            Unusable, NotYet: as `look`.
            ApiError: the API server refused.
        """
        signature = stable_hash(wanted.inputs).encode()
        children = self._book.of(base)
        child = children.get((wanted.kind, wanted.name))
        there = await self.look(base, uid, wanted.kind, wanted.name)
        if there is None and child is not None and child.signature == signature:
            return child.facts
        if there is None and child is not None:
            # Known, but its body was dropped: a manifest that builds on what is there needs it again.
            there = await self._client.get(BY_KIND[wanted.kind], base.namespace, wanted.name)
        manifest = wanted.build(there)
        paths: list[str] = []
        if there is not None:
            paths = differs(manifest, there)
            if not paths:
                facts = wanted.facts(there)
                self._book.applied(base, wanted.kind, there, signature, facts)
                return facts
            if child is not None and child.signature == signature:
                await self._on_repair(base, wanted.kind, wanted.name, paths)
        answer = await self._client.apply(manifest)
        facts = wanted.facts(answer.object)
        self._book.applied(base, wanted.kind, answer.object, signature, facts)
        return facts

    def facts(self, base: Key, kind: str, name: str, judge: Callable[[Object], Any]) -> Any:
        """What is known of a child without touching it (a suspended base)."""
        child: Child | None = self._book.of(base).get((kind, name))
        if child is None:
            return None
        if (body := child.take_body()) is not None:
            child.facts = judge(body)
            child.signature = None
        return child.facts


def refuse_others(kind: str, body: Object, uid: str) -> None:
    """Refuse an object that is not this base's.

    Raises:
        Unusable: it belongs to somebody else: it is left untouched.
        NotYet: it belongs to a deleted base of this name and will be collected soon.
    """
    metadata = body["metadata"]
    owner = ownership(metadata, uid)
    if owner is Ownership.FOREIGN:
        raise Unusable(
            "ForeignObject",
            f"{kind} {metadata['name']} already exists and does not belong to this base; it was left as it is: "
            "rename or delete it, or give the base another name",
        )
    if owner is Ownership.LEAVING or metadata.get("deletionTimestamp"):
        raise NotYet(f"{kind} {metadata['name']} of an earlier base is still being deleted")
