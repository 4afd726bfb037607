"""How the plugin shows the snapshots of a base: for people, and for programs."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from pronote_operator.api.constants import BACKED_UP
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.api.snapshots import parsed_name
from pronote_operator.cli.tables import coloured
from pronote_operator.cli.times import local, local_text


def snapshot_table(base: PronoteBase) -> RenderableType:
    """The snapshots, newest first, after what there is to know of them all; times in the base's own time zone."""
    snapshots, zone = base.status.snapshots, base.spec.time_zone
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    backed_up = base.status.condition(BACKED_UP)
    told = f"{coloured(backed_up)} {backed_up.reason} {escape(backed_up.message)}" if backed_up else "-"
    for title, value in (
        ("Base", f"{base.metadata.namespace}/{base.metadata.name}"),
        ("Backed up", told.rstrip()),
        ("Policy", base.status.effective.backup_policy or "-"),
        ("Next", local_text(snapshots.next_time, zone)),
        ("Last verified", local_text(snapshots.last_verified_time, zone)),
        ("Failures", f"{snapshots.failures} since the last good one"),
    ):
        facts.add_row(title, value)
    parts: list[RenderableType] = [facts]
    if snapshots.kinds:
        kinds = _table("Kind", "Kept", "Last success", "Last try", "Failures")
        for state in snapshots.kinds:
            success, attempt = local_text(state.last_success_time, zone), local_text(state.last_attempt_time, zone)
            kinds.add_row(state.kind, str(state.kept), success, attempt, str(state.failures))
        parts += ["", kinds]
    if snapshots.names:
        names = _table("Snapshot", "Kind", "Of")
        for name in reversed(snapshots.names):
            kind, slot = _parsed(name)
            names.add_row(name, kind or "-", local_text(slot, zone))
        parts += ["", names]
    return Group(*parts)


def snapshot_report(base: PronoteBase) -> dict[str, Any]:
    """The same as plain data: times with their distance from UTC, absent members left out, snapshots oldest first."""
    snapshots, zone = base.status.snapshots, base.spec.time_zone
    backed_up = base.status.condition(BACKED_UP)
    shown = []
    for name in snapshots.names:
        kind, slot = _parsed(name)
        shown.append(_present({"name": name, "kind": kind, "slotTime": _iso(slot, zone)}))
    return _present(
        {
            "namespace": base.metadata.namespace,
            "base": base.metadata.name,
            "timeZone": zone,
            "backupPolicy": base.status.effective.backup_policy,
            "backedUp": backed_up and _present(backed_up.model_dump(include={"status", "reason", "message"})),
            "nextTime": _iso(snapshots.next_time, zone),
            "lastVerifiedTime": _iso(snapshots.last_verified_time, zone),
            "failures": snapshots.failures,
            "kinds": [
                _present(
                    {
                        "kind": state.kind,
                        "kept": state.kept,
                        "lastSuccessTime": _iso(state.last_success_time, zone),
                        "lastAttemptTime": _iso(state.last_attempt_time, zone),
                        "failures": state.failures,
                    }
                )
                for state in snapshots.kinds
            ],
            "snapshots": shown,
        }
    )


def _parsed(name: str) -> tuple[str | None, dt.datetime | None]:
    """The kind and the slot; neither for a kind that only a newer operator knows."""
    try:
        kind, slot = parsed_name(name)
    except ValueError:
        return None, None
    return kind.value, slot


def _iso(moment: dt.datetime | None, zone: str) -> str | None:
    return None if moment is None else local(moment, zone).isoformat(timespec="seconds")


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True)
    return table
