"""What the plugin asks for in a person's name, and when it refuses to: pure decisions, without a cluster."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from dataclasses import dataclass
from typing import Any, Final

from pronote_operator.api.base_status import SnapshotKindStatus
from pronote_operator.api.constants import ANNOTATION_SNAPSHOT_REQUEST, API_VERSION, BACKED_UP
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.api.snapshots import SnapshotKind, parsed_name, snapshot_name
from pronote_operator.cli.queries import NotFoundError, RefusedError

FIELD_MANAGER: Final = "kubectl-pronote"
"""Field manager of what the plugin writes, so that nobody takes it for the operator's or for Git's."""

_NEAR: Final = 5
"""How many names are offered in place of one that is not there."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class BackupRequest:
    """An extra snapshot.

    Attributes:
        name: of the snapshot.
        joined: it was asked for before and is not settled: nothing new is written.
        replaced: another request, not carried out yet, whose place this one takes.
    """

    name: str
    joined: bool = False
    replaced: str | None = None


@dataclass(frozen=True)
class RestoreRequest:
    """A restore.

    Attributes:
        request_id: under which it is carried out once.
        joined: it was made before: nothing new is written.
        replaced: request id of a restore that was not begun, and whose place this one takes.
    """

    request_id: str
    joined: bool = False
    replaced: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of something that was asked for; a function that returns None instead says: not settled yet."""

    good: bool
    message: str


def backup_request(base: PronoteBase, kind: SnapshotKind, now: dt.datetime, patience: dt.timedelta) -> BackupRequest:
    """The extra snapshot to ask for; one of that kind which was asked for within `patience` and waits is joined.

    Raises:
        RefusedError: nothing would come of it now.
    """
    name = base.metadata.name
    if base.spec.suspend:
        raise RefusedError(f"base {name} is suspended (spec.suspend): the operator does nothing for it")
    if not base.spec.in_service:
        raise RefusedError(
            f"base {name} is stopped (spec.inService): without its server no consistent copy can be made. Its data do "
            "not change meanwhile"
        )
    backed_up = base.status.condition(BACKED_UP)
    if base.status.effective.backup_policy is None or (backed_up and backed_up.reason == "NoPolicy"):
        raise RefusedError(
            f"base {name} has no backup policy: name one in spec.backupPolicy, or annotate one as the default "
            "(kubectl get backuppolicies)"
        )
    if backed_up and backed_up.reason == "PolicySuspended":
        raise RefusedError(f"backup policy {base.status.effective.backup_policy} is suspended: it takes no snapshots")
    waiting = _waiting_request(base, now - patience)
    if waiting and parsed_name(waiting)[0] is kind:
        return BackupRequest(waiting, joined=True)
    return BackupRequest(snapshot_name(kind, now.replace(microsecond=0)), replaced=waiting)


def backup_outcome(request: BackupRequest, before: PronoteBase, now: PronoteBase) -> Outcome | None:
    """What became of an extra snapshot.

    Args:
        before: the base when it was asked for.
        now: the base as it is.
    """
    if request.name in now.status.snapshots.names:
        return Outcome(good=True, message=f"snapshot {request.name} is taken")
    if not now.spec.in_service:
        return Outcome(good=False, message=f"base {now.metadata.name} was stopped meanwhile")
    kind, _ = parsed_name(request.name)
    condition = now.status.condition(BACKED_UP)
    told = condition is not None and condition.status == "False" and condition.reason == "Failing"
    newly = told and condition != before.status.condition(BACKED_UP)
    if newly or state_of(now, kind).failures > state_of(before, kind).failures:
        why = condition.message if condition and condition.message else "the operator's log and Events say why"
        return Outcome(good=False, message=f"snapshot {request.name} failed: {why}")
    return None


def state_of(base: PronoteBase, kind: SnapshotKind) -> SnapshotKindStatus:
    """How snapshots of one kind went; an empty one for a kind that the status does not have."""
    return next((state for state in base.status.snapshots.kinds if state.kind == kind), SnapshotKindStatus(kind=kind))


def known_snapshot(base: PronoteBase, snapshot: str) -> str:
    """The name, which is one of the base's snapshots.

    Raises:
        NotFoundError: it is not; the message offers names that are near, or the newest ones.
    """
    names = base.status.snapshots.names
    if snapshot in names:
        return snapshot
    if not names:
        raise NotFoundError(f"base {base.metadata.name} has no snapshot yet")
    near = difflib.get_close_matches(snapshot, names, n=_NEAR, cutoff=0.8)
    offer = f"near it: {', '.join(near)}" if near else f"the newest: {', '.join(reversed(names[-_NEAR:]))}"
    raise NotFoundError(f"base {base.metadata.name} has no snapshot {snapshot}; {offer}")


def fresh_request_id(now: dt.datetime) -> str:
    """A request id that no earlier request has, and that sorts by time."""
    return f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def checked_request_id(text: str) -> str:
    """The request id, which the API server will take.

    Raises:
        RefusedError: it would not.
    """
    if not _REQUEST_ID.fullmatch(text):
        raise RefusedError(
            f"{text!r} is no request id: up to 63 letters, digits, '-', '_' and '.', beginning and ending with a "
            "letter or digit"
        )
    return text


def restore_manifest(base: PronoteBase, snapshot: str, request_id: str) -> dict[str, Any]:
    """The members of a manifest that ask for a restore, and no other: they go into the one that is in Git."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PronoteBase",
        "metadata": {"name": base.metadata.name, "namespace": base.metadata.namespace},
        "spec": {"restore": {"requestId": request_id, "snapshot": snapshot}},
    }


def restore_request(base: PronoteBase, snapshot: str, request_id: str | None, now: dt.datetime) -> RestoreRequest:
    """The restore to ask for. One of the same snapshot that waits is joined: a command given twice restores once.

    Args:
        request_id: of the person's choice; None: a fresh one.
    Raises:
        RefusedError: another restore is being carried out, or the request id was for another snapshot.
        NotFoundError: there is no such snapshot.
    """
    if base.spec.suspend:
        raise RefusedError(f"base {base.metadata.name} is suspended (spec.suspend): the operator does nothing for it")
    asked, last = base.spec.restore, base.status.restore
    for known in (asked, last):
        if known and known.request_id == request_id:
            if known.snapshot not in (None, snapshot):
                raise RefusedError(f"request {request_id} was for snapshot {known.snapshot}: give another --request-id")
            return RestoreRequest(known.request_id, joined=True)
    waiting = asked if asked and restore_outcome(base, asked.request_id) is None else None
    if waiting and waiting.snapshot == snapshot and request_id is None:
        return RestoreRequest(waiting.request_id, joined=True)
    if last and last.phase == "Running":
        raise RefusedError(
            f"a restore of {last.snapshot} (request {last.request_id}) is under way; when it is done, ask again"
        )
    known_snapshot(base, snapshot)
    chosen = fresh_request_id(now) if request_id is None else checked_request_id(request_id)
    return RestoreRequest(chosen, replaced=waiting.request_id if waiting else None)


def restore_outcome(base: PronoteBase, request_id: str) -> Outcome | None:
    """What became of a restore."""
    restore = base.status.restore
    if restore is None or restore.request_id != request_id or restore.phase in ("Pending", "Running"):
        return None
    detail = f": {restore.message}" if restore.message else ""
    if restore.phase == "Succeeded":
        safety = f" (before it: {restore.safety_snapshot})" if restore.safety_snapshot else ""
        return Outcome(good=True, message=f"restored {restore.snapshot or 'the snapshot'}{safety}{detail}")
    return Outcome(good=False, message=f"request {request_id} failed, the data are as they were before{detail}")


def restore_progress(base: PronoteBase, request_id: str) -> str:
    """Where a restore that is not settled stands, for a progress line."""
    restore = base.status.restore
    if restore is None or restore.request_id != request_id:
        return "waiting for the operator"
    return f"{restore.phase.lower()}: {restore.message}" if restore.message else restore.phase.lower()


def _waiting_request(base: PronoteBase, since: dt.datetime) -> str | None:
    """The extra snapshot that was asked for after `since` and that is neither taken nor tried."""
    asked = base.metadata.annotations.get(ANNOTATION_SNAPSHOT_REQUEST)
    if not asked or asked in base.status.snapshots.names:
        return None
    try:
        kind, slot = parsed_name(asked)
    except ValueError:
        return None
    tried = state_of(base, kind).last_attempt_time
    return None if slot < since or (tried and tried >= slot) else asked
