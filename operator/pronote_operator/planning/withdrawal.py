"""How a base that is published no more is told so: its last site document again, stopped, with the next revision.

The revision follows from the document and not from the clock. So whoever is killed half way makes the same document
again; and one that comes late loses against what somebody else published of the base meanwhile, whose revision is the
time at which it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pronote_operator.planning.site_order import Site

HOLD = timedelta(seconds=30)
"""For so long a former base that does not answer holds up the publication of the next one."""

LET_GO = timedelta(minutes=3)
"""After so long it is asked no more. Its ConfigMap says since the beginning that nothing is published, and a kubelet
brings that within about a minute; only then may the ConfigMap go, for what is taken away is what was brought."""


class Patience(Enum):
    """What becomes of a former base that has not confirmed that nothing is published of it."""

    HOLD = "the next base waits for it"
    GO_ON = "it is asked again, and the next base is published"
    LET_GO = "it is asked no more"


def patience(since: datetime, now: datetime) -> Patience:
    """How long to bear with a former base.

    Args:
        since: when it was first found not to answer, aware.
        now: the present, aware.
    """
    waited = now - since
    if waited < HOLD:
        return Patience.HOLD
    return Patience.GO_ON if waited < LET_GO else Patience.LET_GO


def revision_of(site: Site | None) -> int:
    """The revision of a site document; less than any other when there is none."""
    return int(site["revision"]) if site is not None else -1


def withdrawal(written: Site | None, in_force: Site | None) -> dict[str, Any] | None:
    """The document to put in force so that nothing is published; None when nothing is, nor can be any more.

    One that is made anew has the delegations of the one in force: no two documents in a row differ in them unless
    neither is published.

    Args:
        written: what the ConfigMap has, which a kubelet may bring at any moment; None when it has nothing that makes
            sense.
        in_force: what the server says is in force; None when it has none, or was not asked yet.
    """
    latest = max((written, in_force), key=revision_of)
    if latest is None:
        return None
    if not latest.get("published"):
        return dict(latest) if revision_of(in_force) < revision_of(latest) else None
    last: Mapping[str, Any] = in_force if in_force is not None else latest
    return {**last, "published": False, "revision": revision_of(latest) + 1}
