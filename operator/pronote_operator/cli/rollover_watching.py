"""A rollover in place on a terminal, or a line for each change elsewhere, until it is over or has halted."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import aiohttp
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.segment import Segment, SegmentLines
from rich.text import Text

from pronote_operator.cli.queries import channel_named, fleet_of
from pronote_operator.cli.requests import Outcome
from pronote_operator.cli.rollover_end import expected_end
from pronote_operator.cli.rollover_facts import Rollover
from pronote_operator.cli.rollover_tables import phase_words, status_shown
from pronote_operator.cluster.client import KubeClient
from pronote_operator.errors import ApiError

POLL_SECONDS = 2.0
"""Between two looks at the channel: one small GET."""
LIST_SHARE = 10
"""Between two looks at all bases is so many times what one took: a large fleet is not listed without a pause."""
_LINES_BELOW = 3
"""Of the screen: the footer, an empty line above it, and the cursor's."""


def outcome(rollover: Rollover, *, begun: bool) -> Outcome | None:
    """What became of the rollover; None while it goes on, waits for its hour, or is paused.

    A status of an earlier spec decides nothing.

    Args:
        begun: whether it was seen to go on. Scheduled is the phase between two nights, before the first one, and after
            the last one where more comes within 30 days: only of one that had begun can it be the end.
    """
    channel = rollover.channel
    if not rollover.told:
        return None
    over = begun and channel.status.phase == "Scheduled" and rollover.nobody_owes
    if over or channel.status.phase == "Current":
        left = rollover.total - rollover.updated
        kept = f"; {left} do not run it" if left else ""
        more = "; more comes within 30 days" if over else ""
        return Outcome(good=True, message=f"{rollover.updated} of {rollover.total} bases run what is due{kept}{more}")
    if rollover.halted and not channel.spec.paused:
        return Outcome(good=False, message=f"the rollover has halted: {rollover.halted}")
    return None


async def watched(
    client: KubeClient, name: str, *, zone: str | None, patience: float | None, live: bool
) -> tuple[Rollover, Outcome | None]:
    """Show a rollover until it is over; the last that was seen of it, and how it ended (None: the time was up).

    A look that fails because the API server is away for a moment is repeated.

    Args:
        zone: that times are shown in; None for the one of this machine.
        patience: in seconds; None for ever.
        live: whether standard output is a terminal to show it on; else lines on standard error say what changes.
    Raises:
        NotFoundError: there is no such channel, or no more.
        ApiError: the API server refused for good.
    """
    deadline = time.monotonic() + patience if patience is not None else None
    rollover, list_again = Rollover(await channel_named(client, name), None), 0.0
    listed_in, begun = rollover.channel.status.phase, False
    with _shown(zone, live) as show:
        while True:
            note = ""
            try:
                rollover = replace(rollover, channel=await channel_named(client, name))
                phase = rollover.channel.status.phase
                # What was listed in another phase does not tell whether this one is the end.
                if (began := time.monotonic()) >= list_again or phase != listed_in:
                    rollover, listed_in = replace(rollover, fleet=await fleet_of(client, name)), phase
                    list_again = time.monotonic() + LIST_SHARE * (time.monotonic() - began)
                begun = begun or (rollover.told and rollover.going_on)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                if isinstance(error, ApiError) and error.status < 500 and error.status != 429:
                    raise
                note = "the API server does not answer"
            ended = outcome(rollover, begun=begun) if not note else None
            if ended is not None or (deadline is not None and time.monotonic() >= deadline):
                return rollover, ended
            show(rollover, note)
            rest = deadline - time.monotonic() if deadline is not None else POLL_SECONDS
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, rest)))


def line(rollover: Rollover) -> str:
    """Where it stands, in a line."""
    parts = [phase_words(rollover), f"{rollover.updated} of {rollover.total} updated"]
    parts += [f"{len(rollover.in_flight)} in flight"] if rollover.in_flight else []
    parts += [f"{len(rollover.failed)} failed"] if rollover.failed else []
    return "; ".join(parts)


@contextmanager
def _shown(zone: str | None, live: bool) -> Iterator[Callable[[Rollover, str], None]]:
    if live:
        console = Console(highlight=False)
        with Live(console=console, auto_refresh=False, transient=True) as screen:

            def draw(rollover: Rollover, note: str) -> None:
                now = dt.datetime.now(dt.UTC)
                most = max(3, console.height // 6)
                report = status_shown(rollover, expected_end(rollover, now), now, zone=zone, most=most)
                footer = Text(
                    note or f"every {POLL_SECONDS:.0f} s, until it is over; Ctrl-C ends this, not the rollover"
                )
                screen.update(Group(_fitting(console, report), "", footer), refresh=True)

            yield draw
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    said: list[str] = []

    def say(rollover: Rollover, note: str) -> None:
        told = note or line(rollover)
        if said[-1:] != [told]:
            said[:] = [told]
            console.print(f"{rollover.channel.metadata.name}: {told}", markup=False)

    yield say


def _fitting(console: Console, report: RenderableType) -> RenderableType:
    """As many lines of it as the screen has room for."""
    lines, room = console.render_lines(report, pad=False), max(2, console.height - _LINES_BELOW)
    if len(lines) <= room:
        return SegmentLines(lines, new_lines=True)
    return SegmentLines([*lines[: room - 1], [Segment("…")]], new_lines=True)
