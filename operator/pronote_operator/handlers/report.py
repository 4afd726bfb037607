"""Writing a status, and telling of what changed by Events. Nothing is written when nothing changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pronote_operator.api.constants import API_VERSION
from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.events import About, EventRecorder
from pronote_operator.cluster.kinds import BASES, CHANNELS, DELEGATIONS, POLICIES, PUBLICATIONS, Kind
from pronote_operator.errors import ApiError
from pronote_operator.handlers.keys import Key
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.conditions import find_condition, status_changed

logger = logging.getLogger(__name__)


class Reporter:
    """Writes the status of our objects."""

    def __init__(self, client: KubeClient, store: ObjectStore, recorder: EventRecorder) -> None:
        self._client = client
        self._store = store
        self._recorder = recorder

    async def base(self, key: Key, seen: Object, status: Object, *, stands: Callable[[], None] = lambda: None) -> None:
        """Write the status of a base if it changed, and post Events for the changes people want to know.

        Args:
            seen: the base as the store gave it.
            stands: called when the status tells what it should: whoever waits for that does not wait for Events.
        """
        await self._write_and_tell(BASES, key, seen["metadata"]["uid"], status, seen, stands)

    async def delegation(self, key: Key, uid: str, status: Object) -> None:
        """Write the status of a delegation if it changed, and post Events.

        Whether its CAS server answers is none of them: a thousand schools share one, and a condition tells it.
        """
        await self._write_and_tell(DELEGATIONS, key, uid, status)

    async def publication(self, key: Key, uid: str, status: Object) -> None:
        """Write the status of a publication if it changed, and post Events."""
        await self._write_and_tell(PUBLICATIONS, key, uid, status)

    async def channel(self, key: Key, uid: str, status: Object) -> None:
        """Write the status of a channel if it changed, and post an Event when its rollout begins, ends or halts."""
        before = await self._write(CHANNELS, key, uid, status)
        if before is None:
            return
        about = About(CHANNELS.kind, None, key.name, uid)
        for warning, reason, action, note in _channel_news(before, status):
            await self._recorder.post(about, warning=warning, reason=reason, action=action, note=note)

    async def policy(self, key: Key, uid: str, status: Object) -> None:
        """Write the status of a policy if it changed."""
        await self._write(POLICIES, key, uid, status)

    async def event(self, key: Key, *, warning: bool, reason: str, action: str, note: str) -> None:
        """Post an Event about a base, or another object of a namespace."""
        body = self._store.get(key)
        if body is not None:
            about = About(key.kind, key.namespace, key.name, body["metadata"]["uid"])
            await self._recorder.post(about, warning=warning, reason=reason, action=action, note=note)

    async def _write_and_tell(
        self,
        kind: Kind,
        key: Key,
        uid: str,
        status: Object,
        seen: Object | None = None,
        stands: Callable[[], None] = lambda: None,
    ) -> None:
        before = await self._write(kind, key, uid, status, seen)
        stands()
        if before is None:
            return
        about = About(kind.kind, key.namespace, key.name, uid)
        for warning, reason, action, note in _news(before, status):
            await self._recorder.post(about, warning=warning, reason=reason, action=action, note=note)

    async def _write(self, kind: Kind, key: Key, uid: str, status: Object, seen: Object | None = None) -> Object | None:
        """Write a status if it changed; the one that was there before, or None when nothing was written."""
        body = seen if seen is not None and self._store.is_newest(key, seen) else self._store.get(key)
        if body is None or body["metadata"]["uid"] != uid or not status_changed(body["status"], status):
            return None
        # The UID makes the API server refuse the write when the object was made anew meanwhile.
        metadata = {"name": key.name, "uid": uid, **({"namespace": key.namespace} if key.namespace else {})}
        manifest = {"apiVersion": API_VERSION, "kind": kind.kind, "metadata": metadata, "status": status}
        try:
            stored = await self._client.apply_status(kind, manifest)
        except ApiError as error:
            if error.status in (404, 409):
                logger.info("%s went away while its status was written.", key)
                return None
            raise
        # The answer also bears what somebody else changed since our last event of the watch. Were all of it kept, that
        # event would be no news any more, and those who listen to the watch (the channels in `Shared`, delegations,
        # claims on an Espace) would never hear of the change. The status is kept either way: it is not written twice.
        self._store.put_status(key, stored)
        before: Object = body["status"]
        return before

    async def loaded(self, key: Key, steps: Sequence[str]) -> None:
        """Tell, step by step, what the first base of a school was made from."""
        for step in steps:
            await self.event(key, warning=False, reason="SourceLoaded", action="Load", note=step)

    async def repaired(self, key: Key, kind: str, name: str, paths: list[str]) -> None:
        """Tell that a child was changed by somebody else and is changed back."""
        note = f"{kind} {name} was changed by somebody else and is changed back ({', '.join(paths[:5])})"
        logger.info("%s: %s", key, note)
        await self.event(key, warning=False, reason="ChildRepaired", action="Apply", note=note)


TOLD = frozenset({"Published", "Stopped"})
"""What an owner asked for; a way out of it is told. What lies between is in the conditions."""


CHANGING = frozenset({"BaseChanging", "DelegationChanging"})
"""Why a publication was stopped that its owner wants published; the end of it is told."""


def _roll_news(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[bool, str, str, str]]:
    """What a roll came to, once each."""
    if not after or (before.get("id"), before.get("phase")) == (after["id"], after["phase"]):
        return []
    target = f"release {after['to']['version']} with school year {after['to']['schoolYear']}"
    said = f": {after['message']}" if after.get("message") else ""
    match after["phase"]:
        case "Archiving" | "Restarting" if before.get("id") != after["id"]:
            return [(False, "Rolling", "Roll", f"The base goes over to {target}")]
        case "RollingBack":
            return [(True, "RollingBack", "Roll", f"The base goes back, and could not go over to {target}{said}")]
        case "RolledBack":
            return [
                (True, "RolledBack", "Roll", f"The base is where it was before it was to go over to {target}{said}")
            ]
        case "Done":
            return [(False, "Rolled", "Roll", f"The server answers: {target} is in service")]
    return []


def _channel_news(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[bool, str, str, str]]:
    """What a rollout came to, once each."""
    old, new = before.get("phase"), after.get("phase")
    counts = f"{after.get('updated', 0)} of {after.get('total', 0)} bases run what is due for them"
    if old == new or old is None:
        return []
    if new == "Halted":
        stalled = find_condition(after["conditions"], "Stalled") or {}
        return [(True, "RolloutHalted", "Rollout", f"{stalled.get('message', 'It has halted')} ({counts})")]
    if new in ("Canary", "Progressing") and old not in ("Canary", "Progressing"):
        return [(False, "RolloutStarted", "Rollout", f"Bases go over to what is due; {counts}")]
    if new in ("Current", "Scheduled") and old in ("Canary", "Progressing"):
        return [(False, "RolloutCompleted", "Rollout", counts)]
    return []


def _news(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[bool, str, str, str]]:
    """(warning, reason, action, note) of each change that is worth an Event.

    A base's first way to Ready is no news: its conditions tell it, and thousands of new bases would post thousands.
    """
    old, new = before.get("conditions") or [], after["conditions"]
    events: list[tuple[bool, str, str, str]] = []
    stalled = find_condition(new, "Stalled")
    if stalled is not None and (find_condition(old, "Stalled") or {}).get("message") != stalled["message"]:
        events.append((True, stalled["reason"], "Reconcile", stalled["message"]))
    if find_condition(old, "Stalled") is not None and stalled is None:
        events.append((False, "Mended", "Reconcile", "What was in the way is mended"))
    rolled = _roll_news(before.get("roll") or {}, after.get("roll") or {})
    # That the server answers says more than that it is in service again: one Event for both.
    answers = any(reason == "Rolled" for _, reason, _, _ in rolled)
    ready = find_condition(new, "Ready")
    was = find_condition(old, "Ready")
    if ready is not None and was is not None and was["status"] != ready["status"] and not answers:
        known = (before.get("version") or {}).get("current") or was["reason"] in CHANGING
        if ready["status"] == "True" and known:
            events.append((False, ready["reason"], "Reconcile", ready["message"]))
        elif ready["reason"] == "ReferenceNotFound":
            events.append((True, ready["reason"], "Reconcile", ready["message"]))
    events += rolled
    published, was = find_condition(new, "Published"), find_condition(old, "Published")
    if published is not None and was is not None and published["status"] != was["status"] and was["reason"] in TOLD:
        events.append((False, published["reason"], "Publish", published["message"]))
    restored = find_condition(new, "Restored")
    if restored is not None and (find_condition(old, "Restored") or {}).get("message") != restored["message"]:
        if restored["status"] == "True":
            events.append((False, "Restored", "Restore", restored["message"]))
        elif restored["status"] == "False":
            events.append((True, "RestoreFailed", "Restore", f"{restored['reason']}: {restored['message']}"))
    return events
