"""How the plugin shows bases."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pronote_operator.api.common import Condition
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.cli.times import local_text

_GOOD = {"Ready": "True", "InService": "True", "UpToDate": "True", "Reconciling": "False", "Stalled": "False"}


def base_table(bases: list[PronoteBase]) -> RenderableType:
    """One line for each base."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("Namespace", "Base", "UAI", "School", "Ready", "Version", "Year", "Why"):
        table.add_column(title, overflow="fold", no_wrap=title not in ("School", "Why"))
    for base in bases:
        ready = _condition(base, "Ready")
        version = base.status.version
        rolling = version.desired and version.desired != version.current
        table.add_row(
            base.metadata.namespace,
            base.metadata.name,
            base.spec.uai,
            escape(base.spec.display_name),
            coloured(ready) if ready else "[yellow]Unknown[/]",
            f"{version.current or '-'} → {version.desired}" if rolling else version.current or "-",
            str(base.status.school_year or "-"),
            escape(ready.message) if ready and ready.status != "True" else "",
        )
    return table


def base_details(base: PronoteBase) -> RenderableType:
    """All there is to know of one base."""
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    status = base.status
    client = status.endpoints.client
    for title, value in (
        ("Base", f"{base.metadata.namespace}/{base.metadata.name}"),
        ("School", f"{base.spec.display_name} ({base.spec.uai})"),
        ("In service", "wanted" if base.spec.in_service else "stopped on request"),
        ("Version", f"{status.version.current or '-'} (wanted {status.version.desired or '-'})"),
        ("School year", str(status.school_year or "-")),
        ("Channel", status.effective.version_channel or "-"),
        ("Clients", f"{client.host}:{client.port}" if client else "-"),
        ("Superadministrator", f"Secret {status.super_admin_secret_name or '-'}"),
        ("Snapshots", _snapshots_line(base)),
        ("Restore", _restore_line(base)),
        ("Seen", "this spec" if status.observed_generation == base.metadata.generation else "an earlier spec, or none"),
    ):
        facts.add_row(title, escape(value))
    return Group(facts, "", conditions_table(status.conditions))


def conditions_table(conditions: Sequence[Condition]) -> RenderableType:
    """One line for each condition; times in UTC."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("Condition", "Status", "Since", "Reason", "Message"):
        table.add_column(title, overflow="fold", no_wrap=title != "Message")
    for condition in conditions:
        since = condition.last_transition_time.strftime("%Y-%m-%d %H:%M:%SZ")
        table.add_row(condition.type, coloured(condition), since, condition.reason, cell(condition.message))
    return table


def cell(text: str) -> Text:
    """As text and never as markup, nor as a command to the terminal: it comes from others."""
    return Text(printable(text))


def printable(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _snapshots_line(base: PronoteBase) -> str:
    snapshots, zone = base.status.snapshots, base.spec.time_zone
    last, due = local_text(snapshots.last_backup_time, zone), local_text(snapshots.next_time, zone)
    failures = f", {snapshots.failures} failed since" if snapshots.failures else ""
    return f"{len(snapshots.names)} (newest {last}{failures}; next {due})"


def _restore_line(base: PronoteBase) -> str:
    restore, wanted = base.status.restore, base.spec.restore
    lines = []
    if wanted and (restore is None or restore.request_id != wanted.request_id):
        lines.append(f"wanted: {wanted.snapshot} (request {wanted.request_id})")
    if restore:
        ended = f" at {local_text(restore.completed_time, base.spec.time_zone)}" if restore.completed_time else ""
        message = f": {restore.message}" if restore.message else ""
        lines.append(f"{restore.phase}: {restore.snapshot or '-'} (request {restore.request_id}){ended}{message}")
    return "; ".join(lines) or "-"


def _condition(base: PronoteBase, type_: str) -> Condition | None:
    return next((condition for condition in base.status.conditions if condition.type == type_), None)


def coloured(condition: Condition) -> str:
    """Its status, in the colour of what it means."""
    colour = "green" if _GOOD.get(condition.type, "True") == condition.status else "red"
    if condition.status == "Unknown":
        colour = "yellow"
    return f"[{colour}]{condition.status}[/]"
