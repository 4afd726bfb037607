"""How the plugin shows connections and suspended addresses."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pronote_operator.cli.connected import BlockedAddress, Connection, Connections, counted, span
from pronote_operator.cli.tables import cell, printable

_PIPED_COLUMNS = 240
"""Width of a table that goes to another program: it would cut ids off at 80."""


def screen() -> Console:
    """Where tables are printed: as wide as the terminal."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS, highlight=False)


def connections_shown(
    base: str,
    found: Connections,
    chosen: Sequence[Connection],
    now: dt.datetime,
    *,
    wide: bool,
    most: int | None = None,
) -> RenderableType:
    """The places of the licences, and the chosen connections with ages for times.

    Args:
        base: how it is named above.
        wide: with addresses.
        most: rows to show; None: all.
    """
    parts: list[RenderableType] = [Text(f"Base {base}: {counted(chosen)}"), Text(_licences(found)), ""]
    if chosen:
        parts.append(connection_table(chosen[:most], now, wide=wide))
    if most is not None and len(chosen) > most:
        parts.append(Text(f"and {len(chosen) - most} more"))
    return Group(*parts)


def connection_table(chosen: Sequence[Connection], now: dt.datetime, *, wide: bool) -> RenderableType:
    """One line for each connection; its id is what `disconnect` takes."""
    titles = ["Id", "User", "Application", "Mode", "Espace", "Machine", "Connected", "Seen"]
    table = _table(*titles, *(["Address"] if wide else []))
    for connection in chosen:
        cells = [
            connection.id,
            connection.username or "-",
            connection.application,
            connection.mode,
            connection.espace or "-",
            connection.machine or "-",
            span(now - connection.connected_time),
            span(now - connection.last_seen_time),
            *([connection.address or "-"] if wide else []),
        ]
        table.add_row(*map(cell, cells))
    return table


def blocked_table(blocked: Sequence[BlockedAddress], now: dt.datetime) -> RenderableType:
    """One line for each suspended address, with the time until it is released by itself."""
    table = _table("Address", "Released in")
    for each in blocked:
        table.add_row(cell(each.text), span(each.until - now))
    return table


def _licences(found: Connections) -> str:
    told = []
    for name, places in found.licences.items():
        reserved = f", {places.reserved} reserved" if places.reserved else ""
        told.append(f"{printable(name)} {places.used} of {places.limit}{reserved}")
    return f"Licences: {'; '.join(told)}" if told else "Licences: -"


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        # On a narrow terminal names fold; what is typed again stays whole.
        fold = title in ("User", "Machine", "Espace", "Application", "Mode")
        table.add_column(title, no_wrap=not fold, overflow="fold")
    return table
