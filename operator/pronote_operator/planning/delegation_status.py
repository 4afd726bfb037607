"""The status of a CasDelegation as a function of what was found. Conditions follow kstatus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.constants import READY, RECONCILING, STALLED
from pronote_operator.api.publication import Publication
from pronote_operator.planning.conditions import Condition, find_condition, merged_conditions
from pronote_operator.planning.delegation import Resolved, direct_url, service_url, unpublished
from pronote_operator.planning.reachability import NOT_ASKED_YET, Reach
from pronote_operator.planning.site_order import delegations_of


@dataclass(frozen=True, slots=True)
class Told:
    """What the last pass over a publication came to.

    Args:
        in_force: the site document in force; None when there is none, or none that can be confirmed.
        waiting: what must happen before more can be brought in force; None when nothing is waited for.
        changing: whether pages are stopped because delegations change.
    """

    in_force: Mapping[str, Any] | None
    waiting: str | None = None
    changing: bool = False


def delegation_status(
    delegation: CasDelegation,
    publication: Publication | None,
    resolved: Resolved,
    told: Told,
    reach: Reach | None,
    now: datetime,
) -> dict[str, Any]:
    """The status to write. Time alone never changes it.

    Args:
        publication: that it names; None when there is none.
        reach: of its CAS server; None while it was not asked.
        now: aware, for the times of the conditions.
    """
    before = delegation.status.to_manifest().get("conditions", [])
    generation = delegation.metadata.generation
    conditions = _conditions(delegation, publication, resolved, told)
    if resolved.server is not None:
        conditions.append(reach.condition() if reach is not None else _as_before(before, generation))
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merged_conditions(before, conditions, generation, now),
    }
    if publication is not None and publication.status.url:
        url = publication.status.url
        status["serviceUrl"] = service_url(url)
        if delegation.spec.allow_direct_authentication:
            pages = {espace.name: espace.url for espace in publication.status.espaces}
            status["directUrl"] = direct_url(url, delegation.spec.espaces, pages)
    return status


def _conditions(
    delegation: CasDelegation, publication: Publication | None, resolved: Resolved, told: Told
) -> list[Condition]:
    if publication is None:
        message = f"spec.publication: there is no Publication {delegation.spec.publication} in this namespace"
        return [Condition(READY, "False", "ReferenceNotFound", message)]
    if resolved.stalled is not None:
        reason, message = resolved.stalled.reason, resolved.stalled.message
        return [Condition(READY, "False", reason, message), Condition(STALLED, "True", reason, message)]
    if resolved.missing is not None:
        return [Condition(READY, "False", "ReferenceNotFound", resolved.missing)]
    there = delegations_of(told.in_force).get(delegation.metadata.name)
    if told.in_force is not None and there == resolved.document:
        if told.in_force["published"]:
            return [Condition(READY, "True", "InForce", _in_force(delegation, publication))]
        if not publication.spec.published:
            message = "In force once the publication, which is stopped, is published"
            return [Condition(READY, "True", "Stopped", message)]
    if not told.changing and (told.in_force is None or told.waiting is not None):
        reason, message = "PublicationNotReady", told.waiting or "The publication is not in force yet"
    else:
        reason, message = "DelegationChanging", "The publication is stopped, changed and published again"
    return [Condition(READY, "False", reason, message), Condition(RECONCILING, "True", reason, message)]


def _in_force(delegation: CasDelegation, publication: Publication) -> str:
    missing = unpublished(delegation, publication.spec.espaces)
    if not missing:
        return "The delegation is in force"
    return f"The delegation is in force; not published at present: {', '.join(missing)}"


def _as_before(before: list[dict[str, Any]], generation: int) -> Condition:
    """What was last found of the server stays until this operator has asked it: a new leader knows nothing yet."""
    found = find_condition(before, "Reachable")
    if found is None or found.get("observedGeneration") != generation:
        return NOT_ASKED_YET
    return Condition("Reachable", found["status"], found["reason"], found.get("message", ""))
