"""The one error that a person sees, with what to do about it."""

from __future__ import annotations


class LocalClusterError(Exception):
    """Something the person at the keyboard has to know.

    Args:
        message: what is wrong, in one sentence.
        hint: what to do about it; may be empty when the message says it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.message = message
        self.hint = hint
