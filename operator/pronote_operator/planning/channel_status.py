"""The status of a VersionChannel as a function of its spec, its bases and the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.conditions import Condition, merged_conditions
from pronote_operator.planning.releases import due_release, next_release_time

FIRST_ZONE = "Pacific/Kiritimati"
"""The first zone to reach a date (UTC+14): a release that has come there has come somewhere."""

LISTED = 100


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the bases of a channel are.

    Args:
        updated: bases that run the release that is due for them.
        pending: bases that wait for their turn.
        updating: bases that are being rolled, as `namespace/name`.
        total: bases that follow the channel.
    """

    updated: int
    pending: int
    updating: Sequence[str]
    total: int


def channel_status(
    channel: VersionChannel, progress: Progress | None, now: dt.datetime
) -> tuple[dict[str, Any], float | None]:
    """(status, seconds until time alone changes it).

    Args:
        progress: None where not all bases of the channel are seen: then no figure and no phase is told.
        now: aware.
    """
    due = due_release(channel.spec.releases, FIRST_ZONE, now)
    coming = next_release_time(channel.spec.releases, FIRST_ZONE, now)
    if due is None:
        ready = Condition("Ready", "True", "NoReleaseDue", "No release has come yet anywhere")
    else:
        ready = Condition("Ready", "True", "Serving", f"Bases are given release {due.version} when it is due for them")
    before = channel.status.to_manifest().get("conditions", [])
    generation = channel.metadata.generation
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merged_conditions(before, [ready], generation, now),
    }
    if due is not None:
        status["target"] = due.version
    if progress is not None:
        status |= {
            "phase": _phase(channel, progress, released=due is not None),
            "total": progress.total,
            "updated": progress.updated,
        }
        if progress.updating:
            status["updating"] = list(progress.updating[:LISTED])
    again = (coming - now).total_seconds() + 1.0 if coming is not None else None
    return status, again


def _phase(channel: VersionChannel, progress: Progress, *, released: bool) -> str:
    if not released:
        return "Scheduled"
    if progress.updating or progress.pending:
        return "Paused" if channel.spec.paused else "Progressing"
    return "Current"
