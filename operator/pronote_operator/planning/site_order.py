"""In which order a site document comes in force when delegations change: stopped, changed, published (sheet 9).

A function of what is wanted and what is in force, and of nothing else: whoever carries it out may be killed after any
step, and lose any answer; the next pass looks at what is in force and goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Site = Mapping[str, Any]
"""A site document (docs/reference/net-api.md), with or without `revision`."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to put in force next.

    Args:
        site: without `revision`; None when what is wanted is in force.
        last: whether nothing is left to do once it is in force. While not, the publication is stopped, or about to be,
            only because its delegations change.
    """

    site: dict[str, Any] | None
    last: bool


def next_step(wanted: Site, in_force: Site | None) -> Step:
    """The next document on the way from what is in force to what is wanted.

    No two documents in a row differ in their delegations unless neither is published.

    Args:
        wanted: the document that follows from the specs.
        in_force: the one that the server says is in force; None when it has none.
    """
    goal = _plain(wanted)
    there = _plain(in_force) if in_force is not None else None
    if there == goal:
        return Step(None, last=True)
    if delegations_of(there) == delegations_of(goal):
        return Step(goal, last=True)
    if there is not None and there.get("published"):
        # Espaces and the like may change at once: who takes one out does not wait for a delegation.
        return Step({**goal, "published": False, "delegations": there.get("delegations", [])}, last=False)
    return Step({**goal, "published": False}, last=not goal.get("published"))


def delegations_of(site: Site | None) -> dict[str, Any]:
    """The delegations of a site document by name: their order means nothing."""
    return {str(one["name"]): one for one in (site or {}).get("delegations") or ()}


def _plain(site: Site) -> dict[str, Any]:
    return {name: value for name, value in site.items() if name != "revision"}
