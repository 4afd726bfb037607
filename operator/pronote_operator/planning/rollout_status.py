"""What the status of a VersionChannel tells of its rollout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pronote_operator.planning.calendar import local_date
from pronote_operator.planning.conditions import Condition, timestamp
from pronote_operator.planning.school_year import Dates, next_switchover
from pronote_operator.planning.wave_plan import Wave
from pronote_operator.planning.waves import LISTED, WaveDecision


def rollout_status(
    decision: WaveDecision, plan: Sequence[Wave], *, updated: int, total: int, coming: tuple[str, str] | None
) -> dict[str, Any]:
    """The members of `status` that the waves decide.

    Args:
        decision, plan: of the waves now.
        updated, total: bases that run what is due for them, and all.
        coming: calendar and day of the next switchover (see `coming_switchover`); None when no base has one.
    """
    status: dict[str, Any] = {"phase": decision.phase, "total": total, "updated": updated}
    if decision.in_flight:
        status["updating"] = list(decision.in_flight[:LISTED])
    if decision.failed:
        status["failed"] = list(decision.failed[:LISTED])
    if coming is not None:
        status["nextSwitchover"] = {"calendar": coming[0], "date": coming[1]}
    if plan:
        status["plan"] = [
            {"wave": wave.number, "bases": wave.bases, "startTime": timestamp(wave.start)} for wave in plan
        ]
    return status


def halted(decision: WaveDecision) -> Condition | None:
    """`Stalled` while the rollout has halted: a person must change the spec; None otherwise."""
    return Condition("Stalled", "True", "RolloutHalted", decision.message) if decision.phase == "Halted" else None


def coming_switchover(
    calendars: Mapping[str, Dates], followed: Iterable[tuple[str, str]], now: datetime
) -> tuple[str, str] | None:
    """The calendar whose year turns next, and the day as `YYYY-MM-DD`; None when nobody follows one.

    Args:
        calendars: of the channel.
        followed: (calendar, time zone) of its bases, each pair once; calendars that the channel has not are left out.
        now: aware.

    Raises:
        InvalidMonthDayError, UnknownZoneError: a calendar or a zone makes no sense.
    """
    turns = [(next_switchover(calendars[name], tz, now), name, tz) for name, tz in followed if name in calendars]
    if not turns:
        return None
    moment, name, tz = min(turns)
    return name, local_date(tz, moment).isoformat()
