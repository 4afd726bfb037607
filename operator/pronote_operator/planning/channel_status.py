"""The status of a VersionChannel as a function of its spec, its rollout and the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.conditions import Condition, merged_conditions
from pronote_operator.planning.releases import due_release, next_release_time

FIRST_ZONE = "Pacific/Kiritimati"
"""The first zone to reach a date (UTC+14): a release that has come there has come somewhere."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the bases of a channel are.

    Args:
        figures: members of the status (see `rollout_status`).
        halted: the condition that says so; None while the rollout is not halted.
    """

    figures: Mapping[str, Any]
    halted: Condition | None


def channel_status(
    channel: VersionChannel, progress: Progress | None, now: dt.datetime
) -> tuple[dict[str, Any], float | None]:
    """(status, seconds until a release that comes changes it).

    Args:
        progress: None where not all bases of the channel are seen: then no figure and no phase is told.
        now: aware.
    """
    due = due_release(channel.spec.releases, FIRST_ZONE, now)
    coming = next_release_time(channel.spec.releases, FIRST_ZONE, now)
    halted = progress.halted if progress is not None else None
    if halted is not None:
        ready = Condition("Ready", "False", halted.reason, halted.message)
    elif due is None:
        ready = Condition("Ready", "True", "NoReleaseDue", "No release has come yet anywhere")
    else:
        ready = Condition("Ready", "True", "Serving", f"Bases are given release {due.version} when it is due for them")
    before = channel.status.to_manifest().get("conditions", [])
    conditions = [ready, halted] if halted is not None else [ready]
    generation = channel.metadata.generation
    status: dict[str, Any] = {
        **(progress.figures if progress is not None else {}),
        "observedGeneration": generation,
        "conditions": merged_conditions(before, conditions, generation, now),
    }
    if due is not None:
        status["target"] = due.version
    elif "phase" in status:
        status["phase"] = "Scheduled"
    again = (coming - now).total_seconds() + 1.0 if coming is not None else None
    return status, again
