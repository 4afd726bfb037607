"""What ends a measurement."""

from __future__ import annotations


class BenchError(Exception):
    """Something did not come about in the time it was given; the message says what, and where to look."""
