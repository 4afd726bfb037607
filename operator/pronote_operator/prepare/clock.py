"""The time of a line of the journal."""

from __future__ import annotations

import time


def now() -> str:
    """The present instant in UTC, RFC 3339 with milliseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1_000_000:03d}Z"
