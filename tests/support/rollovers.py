"""Manifests of a channel whose bases go over on the evening of 26 August 2026, as the operator writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.cli.rollover_facts import Rollover, following

Object = dict[str, Any]
OLD = {"version": "2025.2.11", "image": "registry.example/pronote:2025.2.11", "schoolYear": 2025}
NEW = {"version": "2026.2.5", "image": "registry.example/pronote:2026.2.5", "schoolYear": 2026}


def condition(kind: str, status: str, reason: str, message: str = "") -> Object:
    """A condition of that evening."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-08-26T18:00:00Z",
    }


def channel(name: str = "stable", spec: Object | None = None, generation: int = 4, **status: Any) -> Object:
    """A channel of twenty bases, five at once from 20:00 to 05:00; `status` is laid over one with nothing to do."""
    return {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "VersionChannel",
        "metadata": {"name": name, "uid": f"u-{name}", "generation": generation},
        "spec": {
            "releases": [
                {"version": OLD["version"], "image": OLD["image"]},
                {"version": NEW["version"], "image": NEW["image"], "from": "2026-08-26T20:00:00"},
            ],
            "rollout": {
                "window": {"start": "20:00", "end": "05:00"},
                "canary": {"selector": {"matchLabels": {"pronote.hosting/canary": "true"}}, "soakMinutes": 60},
                "maxConcurrent": 5,
                "maxFailures": "10%",
            },
            **(spec or {}),
        },
        "status": {
            "observedGeneration": generation,
            "phase": "Current",
            "target": "2026.2.5",
            "total": 20,
            "updated": 20,
            "conditions": [condition("Ready", "True", "Serving")],
            **status,
        },
    }


def base(name: str, reason: str = "Current", message: str = "", **changes: Any) -> Object:
    """A base that follows `stable`.

    Args:
        reason, message: of UpToDate.
        changes: `roll` of the status, `spec`, `channel` that it follows, `ready`, `stalled` with a message.
    """
    conditions = [
        condition("Ready", "True" if changes.get("ready", True) else "False", "InService"),
        condition("UpToDate", "True" if reason == "Current" else "False", reason, message),
    ]
    if "stalled" in changes:
        conditions.append(condition("Stalled", "True", "DataPlanRefused", changes["stalled"]))
    status: Object = {
        "observedGeneration": 1,
        "conditions": conditions,
        "effective": {"versionChannel": changes.get("channel", "stable")},
    }
    if "roll" in changes:
        status["roll"] = changes["roll"]
    return {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "PronoteBase",
        "metadata": {"name": name, "namespace": "schools", "uid": f"u-{name}", "generation": 1},
        "spec": {"uai": "0750654D", "displayName": name, "source": {"empty": {}}, "timeZone": "Europe/Paris"}
        | changes.get("spec", {}),
        "status": status,
    }


def roll(phase: str, started: str, **members: Any) -> Object:
    """`status.roll` of a roll to the new release and year that began at `started` of that evening, UTC, HH:MM."""
    return {
        "id": "0123456789abcdef0123",
        "phase": phase,
        "channelGeneration": 4,
        "from": OLD,
        "to": NEW,
        "snapshot": "archive-annuelle-20260826T180000Z",
        "startedTime": at(started),
        **{name: at(value) if name.endswith("Time") else value for name, value in members.items()},
    }


def at(clock: str) -> str:
    """A time of that evening, UTC."""
    return f"2026-08-26T{clock}:00Z"


def half_done() -> tuple[Object, list[Object]]:
    """A channel and its twenty bases in the middle of it: eight done, two going over, two failed, eight wait."""
    done = [
        base(f"lycee-{number:02}", roll=roll("Done", "18:05", restartedTime="18:06", completedTime="18:09"))
        for number in range(1, 9)
    ]
    why = "The server was not ready within 20 minutes with release 2026.2.5 and school year 2026"
    others = [
        base("jean-moulin", "Rolling", roll=roll("Restarting", "19:10", restartedTime="19:12")),
        base("pasteur", "Rolling", roll=roll("Archiving", "19:13")),
        base(
            "victor-hugo",
            "RollingBack",
            roll=roll("RollingBack", "18:50", restartedTime="19:11", message=why),
        ),
        base(
            "jules-ferry",
            "RolledBack",
            f"release 2026.2.5 with school year 2026 was tried and taken back: {why}",
            roll=roll("RolledBack", "18:20", restartedTime="18:42", completedTime="18:44", message=why),
        ),
        base("curie", "RollPending", spec={"inService": False}),
        base("zola", "ReleaseNotListed", "Release 2026.2.7 is in service and is not in the channel's list"),
        *[base(f"waits-{number}", "RollPending") for number in range(1, 7)],
    ]
    rolling = ["schools/jean-moulin", "schools/pasteur", "schools/victor-hugo"]
    status: Object = {
        "phase": "Progressing",
        "updated": 8,
        "updating": rolling,
        "failed": ["schools/jules-ferry", "schools/victor-hugo"],
        "plan": [
            {"wave": 1, "bases": 5, "startTime": at("19:15")},
            {"wave": 2, "bases": 1, "startTime": at("19:17")},
        ],
        "nextSwitchover": {"calendar": "nouvelle-caledonie", "date": "2027-01-25"},
    }
    return channel(**status), done + others


def read(manifest: Object, bases: Sequence[Object] | None) -> Rollover:
    """A channel and its bases as the plugin reads them; None: it may not list bases."""
    if bases is None:
        return Rollover(VersionChannel.model_validate(manifest), None)
    found = [known for one in bases if (known := following(one, manifest["metadata"]["name"])) is not None]
    return Rollover(VersionChannel.model_validate(manifest), tuple(sorted(found, key=lambda one: one.key)))
