"""Waiting with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    look: Callable[[], Value | None],
    timeout: float,
    *,
    what: str,
    last: Callable[[], str] = lambda: "",
    every: float = 0.1,
) -> Value:
    """Call ``look`` until it gives something other than None and False.

    Args:
        timeout: seconds.
        what: is waited for, for the message.
        last: describes the last state seen, for the message; called only when the time is over.
        every: seconds between two looks.

    Raises:
        AssertionError: the time is over.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = look()
        if value is not None and value is not False:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}\n{last()}".rstrip())
        time.sleep(every)
