"""Memory that a burst needed goes back to the machine."""

from __future__ import annotations

import ctypes
import gc


def give_back_memory() -> None:
    """Collect garbage and have the C library return what is free: it keeps a start's peak for ever otherwise.

    Does nothing where the C library has no `malloc_trim` (it is glibc's own).
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
