"""How the plugin shows publications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.common import Condition
from pronote_operator.api.constants import PUBLISHED, REACHABLE, READY
from pronote_operator.api.fields import ESPACES
from pronote_operator.cli.published import Published, ent_of
from pronote_operator.cli.tables import cell, coloured, conditions_table

_FOLDED = ("Espaces", "ENT", "Why", "URL")


def publication_table(found: Sequence[Published]) -> RenderableType:
    """One line for each publication."""
    table = _table("Namespace", "Publication", "Base", "Published", "URL", "Espaces", "ENT", "Why")
    for one in found:
        publication = one.publication
        table.add_row(
            publication.metadata.namespace,
            publication.metadata.name,
            publication.spec.base,
            _status(publication.status.condition(PUBLISHED)),
            cell(one.url or "-"),
            _espaces(one.espaces),
            cell(", ".join(dict.fromkeys(ent_of(delegation) for delegation in one.delegations)) or "-"),
            cell(one.why),
        )
    return table


def publication_details(one: Published, sessions: Mapping[str, int] | None) -> RenderableType:
    """All there is to know of one publication.

    Args:
        sessions: visitors by Espace; None: they were not asked for.
    """
    publication = one.publication
    metadata, status = publication.metadata, publication.status
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    for title, value in (
        ("Publication", f"{metadata.namespace}/{metadata.name}"),
        ("Base", publication.spec.base),
        ("Published", "wanted" if publication.spec.published else "stopped on request"),
        ("URL", one.url or "-"),
        ("Exposure", one.exposure),
        ("Replicas", str(publication.spec.replicas)),
        ("Seen", "this spec" if status.observed_generation == metadata.generation else "an earlier spec, or none"),
    ):
        facts.add_row(title, cell(value))
    links = {link.name: link.url for link in status.espaces}
    espaces = _table("Espace", "URL", *(["Sessions"] if sessions is not None else []))
    for espace in one.espaces:
        counted = [str(sessions.get(espace, 0))] if sessions is not None else []
        espaces.add_row(espace, cell(links.get(espace, "-")), *counted)
    parts: list[RenderableType] = [facts, "", espaces]
    if one.delegations:
        parts += ["", _delegations(one.delegations)]
    return Group(*parts, "", conditions_table(status.conditions))


def _delegations(delegations: Sequence[CasDelegation]) -> RenderableType:
    table = _table("Delegation", "ENT", "Espaces", "Ready", "Reachable", "Why")
    for delegation in delegations:
        ready = delegation.status.condition(READY)
        table.add_row(
            delegation.metadata.name,
            cell(ent_of(delegation)),
            _espaces(delegation.spec.espaces),
            _status(ready),
            _status(delegation.status.condition(REACHABLE)),
            cell(ready.message if ready is not None and ready.status != "True" else ""),
        )
    return table


def _status(condition: Condition | None) -> str | Text:
    return coloured(condition) if condition is not None else "[yellow]Unknown[/]"


def _espaces(espaces: Sequence[str]) -> str:
    return "all" if len(espaces) == len(ESPACES) else ", ".join(espaces)


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=title not in _FOLDED, overflow="fold")
    return table
