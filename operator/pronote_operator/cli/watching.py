"""Connections in place on a terminal, looked at again and again until the person has seen enough."""

from __future__ import annotations

import asyncio
import datetime as dt

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from pronote_operator.cli.connected import Choice, connections_in
from pronote_operator.cli.connection_tables import connections_shown, screen
from pronote_operator.cli.reaching import Reached
from pronote_operator.cluster.agent import AgentError

WATCH_SECONDS = 2.0
"""Between two looks."""
MOST_FAILURES = 15
"""So many looks in a row that fail end the watch: at least half a minute, in which a pod is replaced."""
_LINES_AROUND = 6
"""Of the screen: what stands above and below the rows."""


async def watch(there: Reached, choice: Choice, *, wide: bool) -> None:
    """Show the chosen connections until cancelled (Ctrl-C), on the terminal's other screen: no names stay behind.

    There is one request at a time, and there are no more rows than the screen has lines.

    Raises:
        AgentError: the agent did not answer for `MOST_FAILURES` looks.
    """
    console = screen()
    failures = 0
    table: RenderableType = Text("…")
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            footer = "every 2 s; Ctrl-C ends"
            try:
                found = connections_in(await there.agent.connections())
            except AgentError as error:
                failures += 1
                if failures >= MOST_FAILURES:
                    raise
                footer = there.explained(error)
            else:
                failures = 0
                table = connections_shown(
                    f"{there.namespace}/{there.base}",
                    found,
                    choice.of(found.connections),
                    dt.datetime.now(dt.UTC),
                    wide=wide,
                    most=max(1, console.height - _LINES_AROUND),
                )
            live.update(Group(table, "", Text(footer)), refresh=True)
            await asyncio.sleep(WATCH_SECONDS)
