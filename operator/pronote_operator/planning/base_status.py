"""The status of a PronoteBase as a function of what was found. Conditions follow kstatus.

`Stalled` only for what a person must mend; `Reconciling` only while something is under way; `Ready=True` only when the
base is as the spec asks: serving, or stopped when it is to be stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

from pronote_operator.planning.conditions import Condition
from pronote_operator.planning.facts import StatefulSetFacts


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why work cannot go on: machine reason and a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one pass over a base came to.

    Args:
        in_service: whether the spec wants the server to run.
        suspended: whether the spec wants nothing to be touched.
        statefulset: what is known of the StatefulSet; None when there is none.
        stalled: what a person must mend.
        missing: what is referred to and is not there yet.
        waiting: what must happen first, in words.
        pod: why the pod does not get ready, in words.
    """

    in_service: bool
    suspended: bool
    statefulset: StatefulSetFacts | None
    stalled: Verdict | None = None
    missing: str | None = None
    waiting: str | None = None
    pod: str | None = None


def serving(found: Found) -> bool:
    """Whether the server serves."""
    return found.statefulset is not None and found.statefulset.ready


def as_wanted(found: Found) -> bool:
    """Whether the server is as the spec wants it: serving, or stopped."""
    if found.statefulset is None:
        return False
    return found.statefulset.ready if found.in_service else found.statefulset.replicas == 0 and found.statefulset.gone


def conditions(found: Found) -> list[Condition]:
    """All the conditions that hold."""
    wanted = [_ready(found)]
    if found.stalled is not None:
        wanted.append(Condition("Stalled", "True", found.stalled.reason, found.stalled.message))
    elif not found.suspended and found.missing is None and not as_wanted(found):
        wanted.append(Condition("Reconciling", "True", "Progressing", _progress(found)))
    wanted.append(_in_service(found))
    return wanted


def _ready(found: Found) -> Condition:
    if found.stalled is not None:
        return Condition("Ready", "False", found.stalled.reason, found.stalled.message)
    if found.missing is not None:
        return Condition("Ready", "False", "ReferenceNotFound", found.missing)
    if found.suspended:
        message = "spec.suspend is true: nothing is changed until it is false"
        return Condition("Ready", "True" if as_wanted(found) else "False", "Suspended", message)
    if as_wanted(found):
        if found.in_service:
            return Condition("Ready", "True", "InService", "The server is in service")
        return Condition("Ready", "True", "OutOfService", "The server is stopped, as spec.inService asks")
    if found.pod is not None:
        return Condition("Ready", "False", "ServerNotReady", found.pod)
    return Condition("Ready", "False", "Progressing", _progress(found))


def _in_service(found: Found) -> Condition:
    if serving(found):
        return Condition("InService", "True", "Serving", "Clients can connect")
    if found.in_service:
        return Condition("InService", "False", "Starting", "The server is not ready yet")
    if found.statefulset is None or found.statefulset.gone:
        return Condition("InService", "False", "Stopped", "The server is stopped")
    return Condition("InService", "False", "Stopping", "The server is being stopped")


def _progress(found: Found) -> str:
    if found.waiting is not None:
        return found.waiting
    if found.in_service:
        return "The server is being put in service"
    return "The server is being stopped"
