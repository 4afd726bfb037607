"""The same of a rollover as plain data, for programs: times in UTC, absent members left out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pronote_operator.cli.rollover_end import Expected
from pronote_operator.cli.rollover_facts import Rollover
from pronote_operator.planning.conditions import timestamp
from pronote_operator.planning.roll import Roll, roll_manifest


def status_report(rollover: Rollover, end: Expected) -> dict[str, Any]:
    """How far a rollover is; `inFlight` and `failed` have at most as many bases as the channel names, 100."""
    fleet_known = rollover.fleet is not None
    waiting = [
        {"reason": group.reason, "why": group.why, "count": len(group.keys), "bases": list(group.keys)}
        for group in rollover.waiting
    ]
    return _head(rollover, end) | _present(
        {
            "total": rollover.total,
            "updated": rollover.updated,
            "inFlight": [{"base": each.key, **_roll(each.roll)} for each in rollover.in_flight],
            "failed": [{"base": each.key, "message": each.why, **_roll(each.roll)} for each in rollover.failed],
            "mayFail": rollover.may_fail,
            "waiting": waiting if fleet_known else None,
        }
    )


def plan_report(rollover: Rollover, end: Expected) -> dict[str, Any]:
    """The waves to come; `basesAfter` counts those that no wave names yet."""
    waves = [
        _present(
            {
                "wave": wave.wave,
                "canaries": wave.wave == 0,
                "bases": wave.bases,
                "startTime": _time(wave.start_time),
                "expectedEndTime": _time(end.waves[position] if position < len(end.waves) else None),
            }
        )
        for position, wave in enumerate(rollover.channel.status.plan)
    ]
    return _head(rollover, end) | {"waves": waves, "basesAfter": end.untold}


def _head(rollover: Rollover, end: Expected) -> dict[str, Any]:
    channel = rollover.channel
    coming = channel.status.next_switchover
    return _present(
        {
            "channel": channel.metadata.name,
            "ofThisSpec": rollover.told,
            "phase": channel.status.phase,
            "paused": channel.spec.paused,
            "halted": rollover.halted or None,
            "target": channel.status.target,
            "expectedEndTime": _time(end.whole),
            "rollSeconds": round(end.measured.total_seconds()) if end.measured is not None else None,
            "nextSwitchover": {"calendar": coming.calendar, "date": coming.date} if coming is not None else None,
        }
    )


def _roll(roll: Roll | None) -> dict[str, Any]:
    if roll is None:
        return {}
    wanted = ("phase", "startedTime", "restartedTime", "completedTime", "from", "to", "snapshot")
    return {name: value for name, value in roll_manifest(roll).items() if name in wanted}


def _time(moment: dt.datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
