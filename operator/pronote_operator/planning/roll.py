"""A roll in flight, or the last one, as `status.roll` and an annotation of the StatefulSet hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pronote_operator.api.constants import ROLLBACK_PREFIX
from pronote_operator.planning.conditions import MAXIMUM_MESSAGE, timestamp
from pronote_operator.planning.hashing import stable_hash
from pronote_operator.planning.target import Target

_ID_DIGITS = 20


class RollPhase(StrEnum):
    """How far a roll is."""

    ARCHIVING = "Archiving"
    RESTARTING = "Restarting"
    ROLLING_BACK = "RollingBack"
    DONE = "Done"
    ROLLED_BACK = "RolledBack"


_ORDER = {phase: position for position, phase in enumerate(RollPhase)}


@dataclass(frozen=True, slots=True)
class Roll:
    """One roll of one base; times are aware, whole seconds.

    Args:
        id: see `roll_id`.
        phase: how far it is.
        channel_generation: of the VersionChannel's spec that it was begun for.
        from_, to: what the base ran, and what it is to run.
        snapshot: the archive taken before, by the agent, or by `prepare` where no pod ran; what going back restores.
            None in rolls of earlier operators that had none.
        started: when it was begun.
        restarted: when the pod template was last changed for it; None before, and while the base is out of service.
        ready: when a pod of that template was first seen ready; None while none was.
        completed: when it ended, well or not.
        message: what happened, in words.
    """

    id: str
    phase: RollPhase
    channel_generation: int
    from_: Target
    to: Target
    started: datetime
    snapshot: str | None = None
    restarted: datetime | None = None
    ready: datetime | None = None
    completed: datetime | None = None
    message: str = ""

    @property
    def in_flight(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in (RollPhase.DONE, RollPhase.ROLLED_BACK)

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure of the rollout: from the decision to go back on."""
        return self.phase in (RollPhase.ROLLING_BACK, RollPhase.ROLLED_BACK)

    @property
    def turns_year(self) -> bool:
        """Whether the school year turns with it."""
        return self.from_.school_year != self.to.school_year

    @property
    def rollback_request(self) -> str:
        """Request id of the restore by which it goes back: one for each roll, as `prepare` carries each out once.

        The id of a roll alone is not enough: a target comes back when a pin is set, or when another channel is followed
        for a while.
        """
        return f"{ROLLBACK_PREFIX}{self.id}-{int(self.started.timestamp())}"


def roll_id(uid: str, channel_uid: str, channel_generation: int, target: Target) -> str:
    """The id of the roll of a base to a target: the same whenever it is reckoned, so that none is tried twice.

    A changed spec of the channel, and another channel, give another id: then the same target may be tried again.
    """
    inputs = [uid, channel_uid, channel_generation, target.version, target.image, target.school_year]
    return stable_hash(inputs)[:_ID_DIGITS]


def goes_back_from(request_id: str, roll: str) -> bool:
    """Whether a restore is the one by which a roll of this id goes back."""
    return request_id.startswith(f"{ROLLBACK_PREFIX}{roll}-")


def further(one: Roll | None, other: Roll | None) -> Roll | None:
    """Of two records of a base's last roll, the one that knows more: the later roll, or the same one further on.

    Where neither does, the other: the annotation is written before the status, with the pods that it tells of.
    """
    if one is None or other is None:
        return one or other
    return max(other, one, key=lambda roll: (roll.started, _ORDER[roll.phase], roll.ready is not None))


def roll_manifest(roll: Roll) -> dict[str, Any]:
    """`status.roll` as it stands in a manifest."""
    members = {
        "id": roll.id,
        "phase": roll.phase.value,
        "channelGeneration": roll.channel_generation,
        "from": _target_manifest(roll.from_),
        "to": _target_manifest(roll.to),
        "snapshot": roll.snapshot,
        "startedTime": timestamp(roll.started),
        "restartedTime": _text(roll.restarted),
        "readyTime": _text(roll.ready),
        "completedTime": _text(roll.completed),
        "message": roll.message[:MAXIMUM_MESSAGE] or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def roll_of(manifest: Mapping[str, Any] | None) -> Roll | None:
    """The roll that a manifest tells; None for none, and for what is no roll: it is then reckoned anew."""
    if not manifest:
        return None
    try:
        return Roll(
            id=str(manifest["id"]),
            phase=RollPhase(manifest["phase"]),
            channel_generation=int(manifest["channelGeneration"]),
            from_=_target_of(manifest["from"]),
            to=_target_of(manifest["to"]),
            started=_time(manifest["startedTime"]),
            snapshot=_text_or_none(manifest.get("snapshot")),
            restarted=_time_or_none(manifest.get("restartedTime")),
            ready=_time_or_none(manifest.get("readyTime")),
            completed=_time_or_none(manifest.get("completedTime")),
            message=str(manifest.get("message") or ""),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _target_manifest(target: Target) -> dict[str, Any]:
    return {"version": target.version, "image": target.image, "schoolYear": target.school_year}


def _target_of(manifest: Mapping[str, Any]) -> Target:
    return Target(str(manifest["version"]), str(manifest["image"]), int(manifest["schoolYear"]))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _time(text: Any) -> datetime:
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no zone")
    return moment.astimezone(UTC).replace(microsecond=0)


def _time_or_none(text: Any) -> datetime | None:
    return None if text is None else _time(text)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)
