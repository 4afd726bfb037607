"""Times as the people of a school read them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo


def local(moment: dt.datetime, zone: str | None) -> dt.datetime:
    """The moment in a time zone; in UTC when this machine does not know the zone.

    Args:
        zone: None for the one of this machine.
    """
    try:
        return moment.astimezone(ZoneInfo(zone) if zone is not None else None)
    except (KeyError, ValueError, OSError):
        return moment.astimezone(dt.UTC)


def known_zone(zone: str | None) -> str:
    """The zone, or UTC when there is none of that name on this machine."""
    try:
        return ZoneInfo(zone or "UTC").key
    except (KeyError, ValueError, OSError):
        return "UTC"


def local_text(moment: dt.datetime | None, zone: str | None) -> str:
    """`2026-11-24 09:00 CET`, with seconds when there are any; `-` for none.

    Args:
        zone: None for the one of this machine.
    """
    if moment is None:
        return "-"
    there = local(moment, zone)
    return f"{there:%Y-%m-%d %H:%M:%S %Z}" if there.second else f"{there:%Y-%m-%d %H:%M %Z}"
