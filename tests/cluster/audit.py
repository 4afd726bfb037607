"""What the API server's audit log says of who did what."""

from __future__ import annotations

import datetime as dt
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
        self._start = dt.datetime.now(dt.UTC)

    def accesses(self, *, user: str = "", namespace: str = "") -> Iterator[Access]:
        """Requests of users whose name begins so, or in a namespace, or all."""
        since = self._start.isoformat()
        for file in self._files():
            with file.open("rb") as log:
                for line in log:
                    # Most lines are others': parsed are only those that name what is looked for.
                    if (user and user.encode() not in line) or (namespace and namespace.encode() not in line):
                        continue
                    found = _access(line)
                    if (
                        found
                        and found.time >= since
                        and found.user.startswith(user)
                        and namespace in ("", found.namespace)
                    ):
                        yield found

    def _files(self) -> list[Path]:
        """The log and those that it was rotated into meanwhile, oldest first."""
        written = {
            file: file.stat().st_mtime for file in self._path.parent.glob(f"{self._path.stem}*{self._path.suffix}")
        }
        return sorted(
            (file for file, when in written.items() if when >= self._start.timestamp()), key=written.__getitem__
        )


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
