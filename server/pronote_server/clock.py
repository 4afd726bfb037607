"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def rfc3339(instant: datetime) -> str:
    """Write an instant in UTC with whole seconds, such as `2026-11-24T08:00:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(instant: datetime) -> str:
    """Write an instant for a file name, such as `20261124T080000Z`."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
