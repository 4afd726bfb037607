"""What `rollover pause` and `resume` write, and what there is to say of it: pure decisions, without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.cli.queries import RefusedError
from pronote_operator.cli.requests import FIELD_MANAGER

_COUNTED_ANEW = (
    "This is a change of the channel's spec: failures so far count no more{halt}, and bases that went back are tried "
    "again{when}."
)


@dataclass(frozen=True, slots=True)
class PauseRequest:
    """A change of `spec.paused`.

    Args:
        change: the merge patch; None where it is as asked for already.
        told: what the person is to know, a sentence each.
    """

    change: dict[str, Any] | None
    told: tuple[str, ...]


def pause_request(channel: VersionChannel, managers: tuple[str, ...]) -> PauseRequest:
    """The pause of a channel.

    Args:
        managers: see `others_that_apply`.
    """
    name = channel.metadata.name
    if channel.spec.paused:
        return PauseRequest(None, (f"Channel {name} is already paused.",))
    told = [f"Paused channel {name}: no further base goes over."]
    if channel.status.updating:
        told.append(f"Those in flight ({len(channel.status.updating)}) go over to their end, or back if they fail.")
    if channel.status.phase == "Halted" or channel.status.failed:
        told.append(_counted_anew(channel, " when you resume"))
    return PauseRequest({"spec": {"paused": True}}, (*told, _in_git(name, "paused: true", managers)))


def resume_request(channel: VersionChannel, managers: tuple[str, ...]) -> PauseRequest:
    """The end of a pause.

    Args:
        managers: see `others_that_apply`.
    Raises:
        RefusedError: it is not paused, and has halted: there is nothing to resume.
    """
    name = channel.metadata.name
    if channel.spec.paused:
        told = (f"Resumed channel {name}.", _counted_anew(channel, ""), _in_git(name, "paused: false", managers))
        return PauseRequest({"spec": {"paused": False}}, told)
    halted = channel.status.condition("Stalled")
    if channel.status.phase == "Halted" or (halted is not None and halted.reason == "RolloutHalted"):
        why = f": {halted.message}" if halted is not None and halted.message else ""
        raise RefusedError(
            f"channel {name} is not paused, it has halted{why}. It stays halted until its spec is changed: take the "
            "release out of spec.releases, put a better one in its place, or raise spec.rollout.maxFailures. To try "
            f"the same again once the cause is gone: kubectl pronote rollover pause {name}, then resume"
        )
    return PauseRequest(None, (f"Channel {name} is not paused.",))


def others_that_apply(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The field managers, but for the plugin, that applied the spec of an object: what they hold, they put back."""
    found = [
        str(entry.get("manager"))
        for entry in (body.get("metadata") or {}).get("managedFields") or ()
        if entry.get("operation") == "Apply" and "f:spec" in (entry.get("fieldsV1") or {})
    ]
    return tuple(sorted({manager for manager in found if manager != FIELD_MANAGER}))


def _counted_anew(channel: VersionChannel, when: str) -> str:
    halt = ", nor does the halt" if channel.status.phase == "Halted" else ""
    return _COUNTED_ANEW.format(halt=halt, when=when)


def _in_git(name: str, text: str, managers: tuple[str, ...]) -> str:
    who = f" ({', '.join(managers)} applies it)" if managers else ""
    return f"If the manifest of channel {name} is kept in Git{who}, write {text} there too, or it may be put back."
