"""Says what is going on: a living line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

PLAIN_INTERVAL = 20.0
"""Seconds between two signs of life of a long step where there is no terminal."""


class Progress:
    """Reports steps to a console.

    Args:
        console: where to write; standard error by default, so that output can be piped.
        quiet: say nothing (for use from tests).
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet

    def say(self, text: str) -> None:
        """One line that stays."""
        if not self._quiet:
            self._console.print(text, markup=False)

    @contextmanager
    def step(self, text: str, detail: Callable[[], str] = str) -> Iterator[None]:
        """A step that takes a while: a sign of life while it runs, its duration when it is done.

        Args:
            text: what is done, for example "kubelet (4 of 12)".
            detail: asked now and then for what is happening inside the step.
        """
        if self._quiet:
            yield
            return
        started = time.monotonic()
        finished = threading.Event()
        with self._sign_of_life(text, detail, started, finished):
            yield
        self.say(f"{text}: {elapsed(time.monotonic() - started)}")

    @contextmanager
    def _sign_of_life(
        self, text: str, detail: Callable[[], str], started: float, finished: threading.Event
    ) -> Iterator[None]:
        status = self._console.status(text) if self._console.is_terminal else None

        def live() -> None:
            while not finished.wait(1.0 if status else PLAIN_INTERVAL):
                line = " · ".join(part for part in (text, elapsed(time.monotonic() - started), detail()) if part)
                if status:
                    status.update(line)
                else:
                    self.say(line)

        reporter = threading.Thread(target=live, daemon=True)
        if status:
            status.start()
        reporter.start()
        try:
            yield
        finally:
            finished.set()
            reporter.join()
            if status:
                status.stop()


def elapsed(seconds: float) -> str:
    """A duration for people: "0.4 s", "12 s", "3 min 05 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
