"""Waits until something that was asked for is settled, and shows on standard error that it is still at work."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.cli.queries import RefusedError, one_base
from pronote_operator.cli.requests import Outcome
from pronote_operator.cluster.client import KubeClient
from pronote_operator.errors import ApiError

POLL_SECONDS = 1.0
"""Between two looks at the base: a person watches, and one small GET costs the API server nothing."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """A duration in seconds: `90`, `90s`, `15m`, `1h`.

    Raises:
        RefusedError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if not found:
        raise RefusedError(f"--timeout {text}: write a duration as 90s, 15m or 1h")
    return float(found[1]) * _UNITS[found[2]]


async def settled(
    client: KubeClient,
    namespace: str,
    name: str,
    *,
    title: str,
    judge: Callable[[PronoteBase], Outcome | None],
    stage: Callable[[PronoteBase], str],
    patience: float,
) -> Outcome | None:
    """Look at a base until `judge` knows what became of what was asked for; None when the time was up first.

    A look that fails because the API server is away for a moment is repeated: what was asked for goes on without it.

    Args:
        title: what is waited for.
        stage: where it stands, in a few words.
        patience: in seconds.
    Raises:
        NotFoundError: the base is gone.
        ApiError: the API server refused for good.
    """
    deadline = time.monotonic() + patience
    with _progress(title) as show:
        while True:
            try:
                base = await one_base(client, namespace, name)
                if outcome := judge(base):
                    return outcome
                show(stage(base))
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                if isinstance(error, ApiError) and error.status < 500 and error.status != 429:
                    raise
                show("the API server does not answer")
            if time.monotonic() >= deadline:
                return None
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))


@contextmanager
def _progress(title: str) -> Iterator[Callable[[str], None]]:
    """A moving bar on a terminal; elsewhere a line for each change. Nobody knows how long it takes: no percentage."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bars:
            task = bars.add_task(escape(title), total=None)
            yield lambda stage: bars.update(task, description=escape(f"{title}: {stage}"))
        return
    said: list[str] = []

    def say(stage: str) -> None:
        if said[-1:] != [stage]:
            said.append(stage)
            console.print(f"{title}: {stage}", markup=False)

    yield say
