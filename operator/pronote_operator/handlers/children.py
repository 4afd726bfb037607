"""Bringing the children of a base, or of a publication, to what is wanted: judge what is there, apply what differs.

A manifest whose signature is known to be in place is not sent. Server-side apply would silently merge into an object
that belongs to somebody else: what is not known is fetched first, and what is not there is only ever created.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import BY_KIND
from pronote_operator.errors import ApiError, Unusable
from pronote_operator.handlers.book import Child, ChildBook, ChildId
from pronote_operator.handlers.keys import Key
from pronote_operator.planning.drift import differs
from pronote_operator.planning.facts import Ownership, ownership
from pronote_operator.planning.hashing import fingerprint


class NotYet(Exception):  # noqa: N818 - not an error: something else must happen first
    """The pass ends here and comes again: the message says what is waited for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One child as it is to be.

    Args:
        kind: its kind.
        name: its name.
        inputs: what the manifest follows from; its fingerprint is the signature.
        build: makes the manifest, at once or when awaited, given the object that is there (None: there is none).
        facts: what to remember of the object as stored.
    """

    kind: str
    name: str
    inputs: Any
    build: Callable[[Object | None], Object | Awaitable[Object]]
    facts: Callable[[Object], Any] = lambda _: None


Repaired = Callable[[Key, str, str, list[str]], Awaitable[None]]
"""Told of (owner, kind, name, paths that differed) when a child is changed back."""


class Children:
    """The children of one object of ours during one pass.

    Args:
        owner: whose children.
        uid: of the owner: what an owner reference must name.
        new: whether nothing was ever reported of the owner. Nothing is likely to be there then, and its absence is not
            asked for before a child is created.
    """

    def __init__(
        self, client: KubeClient, book: ChildBook, *, owner: Key, uid: str, on_repair: Repaired, new: bool = False
    ) -> None:
        self._client = client
        self._book = book
        self._owner = owner
        self._uid = uid
        self._new = new
        self._on_repair = on_repair
        self._looked_at: dict[ChildId, tuple[Object | None, bytes | None]] = {}

    def known(self, kind: str, name: str) -> Any:
        """Facts remembered about a child, without a request; None when nothing is."""
        child = self._book.of(self._owner).get((kind, name))
        return child.facts if child is not None else None

    async def peek(self, kind: str, name: str, judge: Callable[[Object], Any]) -> Any:
        """Facts about a child before anything is applied; None when there is none.

        Raises:
            Unusable: it belongs to somebody else.
            NotYet: it belongs to a deleted base of the same name.
        """
        body, _ = await self._look(kind, name)
        if body is None:
            return self.known(kind, name)
        facts = judge(body)
        if (child := self._book.of(self._owner).get((kind, name))) is not None:
            # The body is judged once; a pass that ends before the child is brought must leave the facts to the next.
            child.facts = facts
        return facts

    def in_place(self, wanted: Wanted) -> bool:
        """Whether a child is known to be as it is wanted: to `bring` it would do nothing."""
        child_id = (wanted.kind, wanted.name)
        child = self._book.of(self._owner).get(child_id)
        if child is None or child.body is not None or child.signature is None:
            return False
        looked_at = self._looked_at.get(child_id)
        unjudged = looked_at is not None and looked_at[0] is not None
        return not unjudged and child.signature == fingerprint(wanted.inputs)

    async def bring(self, wanted: Wanted) -> Any:
        """Have one child in place; returns the facts about it.

        Raises:
            Unusable, NotYet: as `peek`.
            ApiError: the API server refused.
        """
        signature = fingerprint(wanted.inputs)
        there, in_place = await self._look_unless_new(wanted.kind, wanted.name)
        child = self._book.of(self._owner).get((wanted.kind, wanted.name))
        if there is None and child is not None:
            if child.signature == signature:
                return child.facts
            # Known, but its body was dropped: a manifest that builds on what is there needs it again.
            there = await self._fetch(wanted.kind, wanted.name)
        if there is None:
            created = await self._client.apply_new(await _built(wanted, None))
            if created is not None:
                return self._in_place(wanted, created, signature)
            there = await self._fetch(wanted.kind, wanted.name)
        manifest = await _built(wanted, there)
        paths = differs(manifest, there) if there is not None else []
        if there is not None and not paths:
            return self._in_place(wanted, there, signature)
        applied = await self._apply(manifest, there)
        # An API server that is newer than ours may add to a list that is compared as a whole: nothing is changed then.
        if there is not None and in_place == signature and _version(applied) != _version(there):
            await self._on_repair(self._owner, wanted.kind, wanted.name, paths)
        return self._in_place(wanted, applied, signature)

    async def _apply(self, manifest: Object, there: Object | None) -> Object:
        try:
            return await self._client.apply(manifest)
        except ApiError as error:
            if there is None or error.status != 422 or "spec" not in manifest:
                raise
            # Apply merges some lists by a key (a Service's ports by their number): an item whose key was changed by
            # hand stays beside ours, and both together may not be valid. Then the spec's lists are replaced as wholes.
            metadata = {"name": manifest["metadata"]["name"], "namespace": manifest["metadata"]["namespace"]}
            await self._client.merge({"kind": manifest["kind"], "metadata": metadata, "spec": manifest["spec"]})
            return await self._client.apply(manifest)

    async def keep_only(self, wanted: set[ChildId]) -> None:
        """Delete the children that are not wanted (any more).

        What bears our labels without being a child is left alone.

        Raises:
            ApiError: the API server refused.
        """
        for child_id in list(self._book.of(self._owner)):
            if child_id not in wanted:
                await self.remove(*child_id)

    async def own(self, kind: str, name: str) -> Object | None:
        """A child as it is now; None when there is none (any more), or what bears our labels is none.

        Raises:
            ApiError: the API server refused.
        """
        child = self._book.of(self._owner).get((kind, name))
        if child is None or child.facts is Ownership.FOREIGN:
            return None
        body = await self._client.get(BY_KIND[kind], self._owner.namespace, name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None
        if ownership(body["metadata"], self._uid, self._owner.kind) is not Ownership.OURS:
            child.facts = Ownership.FOREIGN
            return None
        return body

    async def remove(self, kind: str, name: str) -> None:
        """Delete a child, if it is there.

        Raises:
            ApiError: the API server refused.
        """
        if (body := await self.own(kind, name)) is not None:
            await self._client.delete(BY_KIND[kind], self._owner.namespace, name, uid=body["metadata"]["uid"])

    def observe(self, kind: str, name: str, judge: Callable[[Object], Any]) -> Any:
        """What is known of a child, without a request and without judging it as a manifest (a suspended base)."""
        child = self._book.of(self._owner).get((kind, name))
        if child is None:
            return None
        if (body := child.take_body()) is not None:
            child.facts = judge(body)
            child.signature = None
        return child.facts

    def _in_place(self, wanted: Wanted, body: Object, signature: bytes) -> Any:
        facts = wanted.facts(body)
        self._looked_at[wanted.kind, wanted.name] = (None, None)  # brought again in this pass, it is looked at anew
        self._book.applied(self._owner, wanted.kind, body, signature, facts)
        return facts

    async def _look_unless_new(self, kind: str, name: str) -> tuple[Object | None, bytes | None]:
        child_id = (kind, name)
        if self._new and child_id not in self._looked_at and child_id not in self._book.of(self._owner):
            return None, None
        return await self._look(kind, name)

    async def _look(self, kind: str, name: str) -> tuple[Object | None, bytes | None]:
        """(the object if it must be judged, the signature that was in place before it changed).

        The object is None when it is known and unchanged, and when there is none.
        """
        child_id = (kind, name)
        if child_id not in self._looked_at:
            child = self._book.of(self._owner).get(child_id)
            if child is None:
                self._looked_at[child_id] = (await self._fetch(kind, name), None)
            else:
                self._looked_at[child_id] = self._taken(child, kind)
        return self._looked_at[child_id]

    def _taken(self, child: Child, kind: str) -> tuple[Object | None, bytes | None]:
        body, in_place = child.take_body(), child.signature
        if body is not None:
            # If this pass fails before the object is judged, the next one must not take it for in place.
            child.signature = None
            refuse_others(kind, body, self._owner, self._uid)
        return body, in_place

    async def _fetch(self, kind: str, name: str) -> Object | None:
        body = await self._client.get(BY_KIND[kind], self._owner.namespace, name)
        if body is not None:
            refuse_others(kind, body, self._owner, self._uid)
        return body


async def _built(wanted: Wanted, there: Object | None) -> Object:
    built = wanted.build(there)
    return built if isinstance(built, dict) else await built


def _version(body: Object) -> Any:
    return body["metadata"].get("resourceVersion")


def refuse_others(kind: str, body: Object, wanted_by: Key, uid: str) -> None:
    """Refuse an object that is not a child of `wanted_by`, whose UID is `uid`.

    Raises:
        Unusable: it belongs to somebody else: it is left untouched.
        NotYet: it belongs to a deleted object of this name and will be collected soon.
    """
    metadata = body["metadata"]
    owner = ownership(metadata, uid, wanted_by.kind)
    if owner is Ownership.FOREIGN:
        raise Unusable(
            "ForeignObject",
            f"{kind} {metadata['name']} already exists and does not belong to this {wanted_by.kind}; it was left as it "
            f"is: rename or delete it, or give the {wanted_by.kind} another name",
        )
    # A claim of ours that somebody deleted lasts as long as the server's pod uses it: `volumes` knows what to do.
    ours = owner is not Ownership.LEAVING
    if not ours or (metadata.get("deletionTimestamp") and kind != "PersistentVolumeClaim"):
        raise NotYet(f"{kind} {metadata['name']} of an earlier {wanted_by.kind} is still being deleted")
