"""Restore in place (ouvrir cette archive): what is asked for, what is in force, and how it went.

The request is a level, not an event: the pod template carries the restore that was last asked for, the journal of the
data volume knows which requests were carried out, and `status.restore` repeats what the journal says. So a request that
was lost from status, replayed by `kubectl replace`, or interrupted anywhere comes to the same end, once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.base_status import RestoreStatus
from pronote_operator.api.constants import ROLLBACK_PREFIX
from pronote_operator.api.pronotebase import RestoreRequest
from pronote_operator.planning.conditions import Condition, find_condition, timestamp

MESSAGE_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What the journal of the data volume says of one request.

    Args:
        result: `Running`, `Succeeded` or `Failed`.
        reason: why it failed, CamelCase.
        started, completed: as the API writes times.
    """

    request_id: str
    result: str
    reason: str
    message: str
    snapshot: str | None
    safety_snapshot: str | None
    started: str | None
    completed: str | None


@dataclass(frozen=True, slots=True)
class EndedRestore:
    """The end of the last restore, kept where it outlives both the base and its data volume.

    Args:
        result: `Succeeded` or `Failed`.
        completed: as the API writes times, to the second: they compare as text.
    """

    request_id: str
    result: str
    completed: str

    @property
    def note(self) -> str:
        """As `ended_restore` reads it."""
        return f"{self.request_id} {self.result} {self.completed}"


def ended_restore(before: RestoreStatus | None, note: str) -> EndedRestore | None:
    """The last restore that ended: the one in the status, else the one that was noted for an earlier base."""
    told = before.to_manifest() if before is not None else {}
    if told.get("phase") in ("Succeeded", "Failed") and told.get("completedTime"):
        return EndedRestore(told["requestId"], told["phase"], told["completedTime"])
    words = note.split(" ")
    return EndedRestore(*words) if len(words) == 3 else None


def is_spent(wanted: RestoreRequest | None, ended: EndedRestore | None, data_created: str | None) -> bool:
    """Whether a request was carried out on a data volume that is lost: the new one's journal does not know of it.

    Args:
        wanted: `spec.restore`.
        ended: the last restore that ended.
        data_created: when the claim of the data volume was made; None when there is none yet.
    """
    if wanted is None or ended is None or ended.request_id != wanted.request_id:
        return False
    return data_created is None or data_created > ended.completed


def spent_report(wanted: RestoreRequest, ended: EndedRestore) -> RestoreReport:
    """What there is to tell of a request that is spent."""
    return RestoreReport(
        request_id=ended.request_id,
        result=ended.result,
        reason="" if ended.result == "Succeeded" else "Failed",
        message="It was carried out before the data volume was made anew, and is not carried out again",
        snapshot=wanted.snapshot,
        safety_snapshot=None,
        started=None,
        completed=ended.completed,
    )


def reports(answer: Mapping[str, Any]) -> tuple[RestoreReport, ...]:
    """The reports in an agent's answer to `GET /v1/preparation`, oldest first; what makes no sense is left out."""
    listed = answer.get("restores")
    found = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, Sequence) else []
    return tuple(
        RestoreReport(
            request_id=str(entry["requestId"]),
            result=str(entry.get("result", "")),
            reason=str(entry.get("reason") or ""),
            message=str(entry.get("message") or ""),
            snapshot=_text(entry, "snapshot"),
            safety_snapshot=_text(entry, "safetySnapshot"),
            started=_time(entry, "startedTime"),
            completed=_time(entry, "completedTime"),
        )
        for entry in found
        if entry.get("requestId")
    )


def source_steps(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """What an agent's answer to `GET /v1/preparation` says of the loading of the first base, a sentence a step."""
    source = answer.get("source")
    steps = source.get("steps") if isinstance(source, Mapping) else None
    found = [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, Sequence) else []
    return tuple(str(step.get("message") or step.get("name") or "")[:500] for step in found)


def restore_in_force(
    wanted: RestoreRequest | None, there: tuple[str, str] | None, ended: EndedRestore | None = None
) -> tuple[str, str] | None:
    """(request id, snapshot) for the data plan.

    Args:
        wanted: `spec.restore`.
        there: what the pod template asks for now.
        ended: the last restore that a person asked for and that ended.

    A request that was removed from the spec stays in the plan: to take it out would restart the server for nothing. A
    request id that is there already keeps its snapshot: it asks for nothing new. Nor does one that ended before a roll
    was taken back, whose restore is in the plan since.
    """
    rolled_back = there is not None and there[0].startswith(ROLLBACK_PREFIX)
    if rolled_back and wanted is not None and ended is not None and ended.request_id == wanted.request_id:
        return there
    if wanted is None or (there is not None and there[0] == wanted.request_id):
        return there
    return wanted.request_id, wanted.snapshot


def is_open(wanted: RestoreRequest | None, before: RestoreStatus | None) -> bool:
    """Whether a request was made whose end the status does not tell yet."""
    if wanted is None:
        return before is not None and before.phase in ("Pending", "Running")
    return before is None or before.request_id != wanted.request_id or before.phase in ("Pending", "Running")


def restore_status(
    wanted: RestoreRequest | None,
    before: RestoreStatus | None,
    *,
    planned: tuple[str, str] | None,
    in_service: bool,
    told: Sequence[RestoreReport],
    now: dt.datetime,
) -> dict[str, Any] | None:
    """`status.restore`, or None when none was ever asked for.

    Args:
        wanted: `spec.restore`.
        before: `status.restore` as it was.
        planned: what the pod template asks for.
        in_service: whether the spec wants the server to run: only then does a pod carry the restore out.
        told: what the journal says; empty while it was not asked.
        now: aware.
    """
    if not is_open(wanted, before):
        return before.to_manifest() if before is not None else None
    request_id = wanted.request_id if wanted is not None else before.request_id if before is not None else ""
    same = before is not None and before.request_id == request_id
    snapshot = (planned[1] if planned and planned[0] == request_id else None) or (wanted.snapshot if wanted else None)
    started = before.to_manifest().get("startedTime") if before is not None and same else None
    status: dict[str, Any] = {"requestId": request_id, "phase": "Pending", "startedTime": started or timestamp(now)}
    if snapshot is None and before is not None and same:
        snapshot = before.snapshot
    if snapshot is not None:
        status["snapshot"] = snapshot
    report = next((one for one in told if one.request_id == request_id), None)
    if report is not None and report.result in ("Succeeded", "Failed"):
        return _ended(status, report)
    if planned is None or planned[0] != request_id:
        status["message"] = "It is put in the data plan next"
    elif not in_service:
        status["message"] = "The server is stopped: the snapshot is restored when it is put in service"
    else:
        status["phase"] = "Running"
        status["message"] = "The server is stopped, the snapshot unpacked and checked, and put in its place"
    return status


def restored_condition(
    status: Mapping[str, Any] | None, told: Sequence[RestoreReport], before: Sequence[Mapping[str, Any]]
) -> Condition | None:
    """The condition Restored; None when none was ever asked for.

    Args:
        status: `status.restore` as it will be.
        told: what the journal says, if it was asked in this pass: it knows the reason of a failure.
        before: the conditions as they were: they know it later.
    """
    if status is None:
        return None
    report = next((one for one in told if one.request_id == status["requestId"]), None)
    earlier = find_condition(before, "Restored") or {}
    known = str(earlier["reason"]) if earlier.get("status") == "False" else "Failed"
    failure = report.reason if report is not None and report.reason else known
    what = f"Request {status['requestId']}"
    snapshot = status.get("snapshot", "the snapshot")
    match status["phase"]:
        case "Succeeded":
            return Condition("Restored", "True", "Succeeded", f"{what}: {snapshot} is in service")
        case "Failed":
            said = status.get("message") or "it failed"
            return Condition("Restored", "False", failure, f"{what}: {said}")
        case phase:
            return Condition("Restored", "Unknown", str(phase), f"{what}: {status.get('message', '')}")


def _ended(status: dict[str, Any], report: RestoreReport) -> dict[str, Any]:
    ended = {**status, "phase": report.result}
    ended.pop("message", None)
    members = {
        "snapshot": report.snapshot,
        "safetySnapshot": report.safety_snapshot,
        "startedTime": report.started,
        "completedTime": report.completed,
        "message": report.message[:MESSAGE_CHARACTERS] or None,
    }
    return ended | {name: value for name, value in members.items() if value is not None}


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return str(value) if value else None


def _time(entry: Mapping[str, Any], name: str) -> str | None:
    """A time as the API writes it, in whole seconds: what is read back from a status is then what was written."""
    try:
        return timestamp(dt.datetime.fromisoformat(entry[name])) if entry.get(name) else None
    except (TypeError, ValueError):
        return None
