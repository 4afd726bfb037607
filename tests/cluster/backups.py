"""Backup policies for tests, and what a base says of its snapshots and restores."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.schools import School
from tests.support.kube import Kube, condition_of, describe
from tests.support.waiting import wait_until

NEVER = "0 0 31 12 *"
"""A schedule that does not come while a test runs, but on New Year's Eve."""
MINUTELY = "* * * * *"


@contextmanager
def policy(kube: Kube, **spec: Any) -> Iterator[str]:
    """A BackupPolicy of one's own, which takes nothing by itself unless told; deleted at the end."""
    name = f"policy-{secrets.token_hex(4)}"
    quiet = {"backups": {"schedule": NEVER}, "archives": {"schedule": NEVER}, "spreadMinutes": 0}
    manifest = {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "BackupPolicy",
        "metadata": {"name": name},
        "spec": {**quiet, **spec},
    }
    kube.apply(manifest)
    try:
        yield name
    finally:
        kube.delete("BackupPolicy", name, None)


def names(school: School, kind: str = "") -> list[str]:
    """The snapshots that the status names, oldest first; of one kind by its prefix."""
    found: list[str] = school.get()["status"].get("snapshots", {}).get("names", [])
    return [name for name in found if name.startswith(kind)]


def ask_for(school: School, kind: str = "sauvegarde") -> str:
    """Ask for an extra snapshot, as `kubectl pronote backup` does; its name."""
    while (name := f"{kind}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}") in names(school):
        time.sleep(0.1)  # the one of this second is taken already
    annotations = {"pronote.hosting/snapshot-request": name}
    school.kube.patch("PronoteBase", school.name, {"metadata": {"annotations": annotations}}, school.namespace)
    return name


def take(school: School, kind: str = "sauvegarde", timeout: float = 90) -> str:
    """Have an extra snapshot taken; its name."""
    name = ask_for(school, kind)
    wait_until(
        lambda: name in names(school), timeout, what=f"{name} is taken", last=lambda: describe(school.get()), every=0.5
    )
    return name


def restore(school: School, snapshot: str, request: str | None = None) -> str:
    """Ask for a restore; the id of the request."""
    request_id = request or f"r-{secrets.token_hex(4)}"
    school.apply(restore={"requestId": request_id, "snapshot": snapshot})
    return request_id


def wait_restored(school: School, request_id: str, timeout: float = 180) -> dict[str, Any]:
    """Wait until a restore has ended, well or not, and the server is ready again; `status.restore`."""

    def ended() -> dict[str, Any] | None:
        status = school.get()["status"]
        told: dict[str, Any] = status.get("restore", {})
        over = told.get("requestId") == request_id and told.get("phase") in ("Succeeded", "Failed")
        return told if over else None

    told = wait_until(
        ended, timeout, what=f"the restore {request_id} ends", last=lambda: describe(school.get()), every=0.2
    )
    school.wait_settled()
    return told


def restored(school: School) -> tuple[str, str]:
    """Status and reason of the condition Restored."""
    found = condition_of(school.get(), "Restored")
    return found.get("status", ""), found.get("reason", "")


def events(school: School, reason: str) -> list[str]:
    """What Events of a reason say of a base."""
    found = school.kube.list("event", school.namespace)
    return [
        str(event.get("message", ""))
        for event in found
        if event["reason"] == reason and event["involvedObject"]["name"] == school.name
    ]


def wait_event(school: School, reason: str, text: str = "", timeout: float = 60) -> str:
    """Wait for an Event of a base with a text in its message; the message."""
    return wait_until(
        lambda: next((message for message in events(school, reason) if text in message), None),
        timeout,
        what=f"an Event {reason} with {text!r}",
        last=lambda: describe(school.get()),
        every=0.5,
    )
