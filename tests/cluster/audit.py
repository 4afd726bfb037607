"""What the API server's audit log says of who did what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Access:
    """One request that was answered."""

    user: str
    verb: str
    group: str
    resource: str
    """With its subresource: ``pronotebases/status``."""
    namespace: str
    name: str
    code: int
    denied: bool
    """Whether the authorizer said no: a 403 for want of a right, and not, say, in a namespace that is going."""
    time: str


class AuditLog:
    """The log from the moment this object is made.

    Args:
        path: JSON lines at level Metadata.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size if path.exists() else 0

    def accesses(self, *, user: str = "", namespace: str = "") -> Iterator[Access]:
        """Requests of a user, or in a namespace, or all."""
        with self._path.open("rb") as log:
            log.seek(self._start)
            for line in log:
                # Most lines are others': parsed are only those that name what is looked for.
                if (user and user.encode() not in line) or (namespace and namespace.encode() not in line):
                    continue
                found = _access(line)
                if found and user in ("", found.user) and namespace in ("", found.namespace):
                    yield found


def _access(line: bytes) -> Access | None:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        return None  # the last line is being written
    what = event.get("objectRef")
    # A watch is answered when it starts; it ends minutes later, maybe after whoever asks here is gone.
    if not what or (event.get("stage") == "ResponseStarted" and event.get("verb") != "watch"):
        return None
    resource = what.get("resource", "") + (f"/{what['subresource']}" if what.get("subresource") else "")
    return Access(
        user=event["user"]["username"],
        verb=event["verb"],
        group=what.get("apiGroup", ""),
        resource=resource,
        namespace=what.get("namespace", ""),
        name=what.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        denied=event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid",
        time=event["requestReceivedTimestamp"],
    )
