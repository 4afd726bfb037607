"""Times as the people of a school read them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo


def local(moment: dt.datetime, zone: str) -> dt.datetime:
    """The moment in a time zone; in UTC when this machine does not know the zone."""
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        return moment.astimezone(dt.UTC)


def local_text(moment: dt.datetime | None, zone: str) -> str:
    """`2026-11-24 09:00 CET`, with seconds when there are any; `-` for none."""
    if moment is None:
        return "-"
    there = local(moment, zone)
    return f"{there:%Y-%m-%d %H:%M:%S %Z}" if there.second else f"{there:%Y-%m-%d %H:%M %Z}"
