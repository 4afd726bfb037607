"""Dates and figures as French people write them, whatever the system's locale."""

from __future__ import annotations

from datetime import date
from typing import Final

DAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS: Final = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


def day_and_month(day: date) -> str:
    """Return `1er décembre`, `26 novembre`."""
    return f"{'1er' if day.day == 1 else day.day} {MONTHS[day.month - 1]}"


def long_date(day: date) -> str:
    """Return `jeudi 26 novembre 2026`."""
    return f"{DAYS[day.weekday()]} {day_and_month(day)} {day.year}"


def short_date(day: date) -> str:
    """Return `26/11/2026`."""
    return f"{day.day:02}/{day.month:02}/{day.year}"


def clock(text: str) -> str:
    """Return `8 h 30` for `08:30`, `8 h` for `08:00`; what is no time comes back as it is."""
    hours, _, minutes = text.partition(":")
    if not (hours.isdigit() and minutes.isdigit()):
        return text
    return f"{int(hours)}\u00a0h" if int(minutes) == 0 else f"{int(hours)}\u00a0h\u00a0{minutes}"


def figure(value: object) -> str:
    """Return a number with a comma and without needless zeros; `—` for none."""
    if value is None or value == "":
        return "—"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.2f}".rstrip("0").rstrip(".").replace(".", ",")
    return str(value).replace(".", ",")
