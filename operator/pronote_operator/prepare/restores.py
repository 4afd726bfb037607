"""Requests for a restore: which one is due, and how far an earlier run came with it. Pure, from plan and journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pronote_operator.prepare.journal import History, restore_key
from pronote_operator.prepare.plan import DataPlan, RestoreRequest

STEP: Final = "restore"

MAX_TRIES: Final = 3
"""Tries that may begin for one request. A try that ends, ends the request; only one that is killed, or that fails for a
fault of the volume, leaves room for the next. So nothing that the restore does can keep a school out of service."""


@dataclass(frozen=True)
class OpenRestore:
    """A request that began and did not end. There is at most one."""

    request: RestoreRequest
    """As the last try read it."""
    school_year: int
    safety: str
    """The name that its safety snapshot has, or would have."""
    safety_taken: bool
    started: str
    """Time of the first try."""
    tries: int
    keeps_annexes: bool | None
    """Set once it is being put in place: from then on there is only forward."""
    fault: str
    """What the last try failed of, if it could say so."""

    @property
    def in_swap(self) -> bool:
        """Whether the renames may have begun."""
        return self.keeps_annexes is not None


def open_restore(history: History) -> OpenRestore | None:
    """The request that an earlier run left open."""
    ended = {record["key"] for record in history.records if record["event"] == "end"}
    records = [record for record in history.records if record.get("step") == STEP and record["key"] not in ended]
    begins = [record for record in records if record["event"] == "begin"]
    if not begins:
        return None
    last = begins[-1]
    mine = [record for record in records if record["key"] == last["key"]]
    swap = next((record for record in mine if record["event"] == "swap"), None)
    year = last["schoolYear"]
    assert isinstance(year, int)
    return OpenRestore(
        # Not checked again: it was when it was written.
        request=RestoreRequest.model_construct(request_id=str(last["requestId"]), snapshot=str(last["snapshot"])),
        school_year=year,
        safety=str(last["safetySnapshot"]),
        safety_taken=any(record["event"] == "safety" and record["safetySnapshot"] for record in mine),
        started=str(mine[0]["time"]),
        tries=sum(record["key"] == last["key"] for record in begins),
        keeps_annexes=None if swap is None else bool(swap["keepsAnnexes"]),
        fault=next((str(record["message"]) for record in reversed(mine) if record["event"] == "fault"), ""),
    )


def is_due(plan: DataPlan, history: History) -> bool:
    """Whether there is anything to do for a restore: one to carry out, to finish, or to end."""
    asked = plan.restore is not None and history.end_of(restore_key(plan.restore.request_id)) is None
    return asked or open_restore(history) is not None


def is_in_swap(history: History) -> bool:
    """Whether a restore was left half way in place: until it is finished, nothing on the volume is whole."""
    opened = open_restore(history)
    return opened is not None and opened.in_swap


@dataclass(frozen=True)
class Restored:
    """How a request ended, for the termination message."""

    request_id: str
    result: str
    """``Succeeded`` or ``Failed``."""
    reason: str
    message: str
