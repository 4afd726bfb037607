"""How long to wait before something that failed is tried again."""

from __future__ import annotations

_MOST_DOUBLINGS = 16


def pause_after(failures: int, *, first: float, last: float) -> float:
    """Return the pause, seconds: doubled with each failure.

    Args:
        failures: how often it failed in a row, at least 1.
        first: the pause after the first failure, seconds.
        last: the longest pause, seconds.
    """
    return min(last, first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
