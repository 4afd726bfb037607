"""The status of a Publication as a function of what was found. Conditions follow kstatus.

`Published` tells of what visitors get: True only when the server has the document in force, replicas serve it, and the
route leads there. `Ready` tells whether everything is as the spec asks, also that nothing is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pronote_operator.api.constants import PUBLISHED, READY, RECONCILING, STALLED
from pronote_operator.api.publication import Publication
from pronote_operator.planning.base_status import Verdict
from pronote_operator.planning.conditions import Condition, find_condition, merged_conditions
from pronote_operator.planning.publication_site import espace_links, published_espaces
from pronote_operator.planning.web_facts import DeploymentFacts, Obstacle

BASE_CHANGING = "BaseChanging"
"""The reason while another base takes the place of the one that was published."""

UNDER_WAY = frozenset(
    {
        BASE_CHANGING,
        "BaseNotReady",
        "DelegationChanging",
        "NotInForce",
        "Progressing",
        "ReplicasNotReady",
        "Stopping",
    }
)
"""Reasons for which the operator, or what it made, is at work."""


@dataclass(frozen=True, slots=True)
class PublicationFound:
    """What one pass over a publication came to.

    Args:
        url: of the pages; None when it cannot be told.
        stalled: what a person must mend.
        missing: what is referred to and is not there yet.
        waiting: what must happen first.
        in_force: the site document that the server has in force; None when it has none, or could not be asked.
        out_of_service: whether the base is stopped: nobody is shown anything.
        site: why what is wanted is not in force; None when it is.
        deployment: None when there is none.
        route: why the route does not lead to the replicas; None when nothing speaks against it.
        notes: what is to be said about the way to the pages all the same.
    """

    url: str | None = None
    stalled: Verdict | None = None
    missing: str | None = None
    waiting: Obstacle | None = None
    in_force: Mapping[str, Any] | None = None
    out_of_service: bool = False
    site: Obstacle | None = None
    deployment: DeploymentFacts | None = None
    route: Obstacle | None = None
    notes: tuple[str, ...] = ()


def former_replicas(
    base: str, before: DeploymentFacts | None, now: DeploymentFacts, conditions: Iterable[Mapping[str, Any]]
) -> Obstacle | None:
    """Why replicas that are there show nobody the base yet: some are still those of a former one.

    The Deployment does not tell for which base a replica is. That it was of another base before this pass, or that the
    status said so of an earlier one, is what tells.

    Args:
        base: name of the base that is published.
        before: of the Deployment, before it was applied; None when there was none.
        now: of the Deployment, as applied.
        conditions: that the status shows at present.
    Returns:
        None when no replica is of another base, or none ever was.
    """
    published = find_condition(conditions, PUBLISHED)
    was_changing = published is not None and published["reason"] == BASE_CHANGING
    changes = before is not None and before.base != base
    if now.replaced or not (was_changing or changes):
        return None
    said = f": {now.trouble}" if now.trouble else ""
    return Obstacle(BASE_CHANGING, f"The replicas are being replaced by those of PronoteBase {base}{said}")


def publication_status(publication: Publication, found: PublicationFound, now: datetime) -> dict[str, Any]:
    """The status to write. Time alone never changes it.

    Args:
        now: aware, for the times of the conditions.
    """
    generation = publication.metadata.generation
    before = publication.status.to_manifest().get("conditions", [])
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merged_conditions(before, _conditions(publication, found), generation, now),
    }
    if found.url is not None:
        status["url"] = found.url
        status["espaces"] = espace_links(found.url, published_espaces(publication.spec))
    return status


def _conditions(publication: Publication, found: PublicationFound) -> list[Condition]:
    published = _published(publication, found)
    if found.stalled is not None:
        reason, message = found.stalled.reason, found.stalled.message
        return [Condition(READY, "False", reason, message), Condition(STALLED, "True", reason, message), published]
    stopped = published.reason == "Stopped"
    complete = found.deployment is not None and found.deployment.complete
    if stopped or (published.status == "True" and published.reason == "Published" and complete):
        return [Condition(READY, "True", published.reason, published.message), published]
    reason, message = published.reason, published.message
    if published.status == "True" and reason == "Published":
        reason, message = "Progressing", "The replicas are being replaced"
    wanted = [Condition(READY, "False", reason, message), published]
    if reason in UNDER_WAY:
        wanted.insert(1, Condition(RECONCILING, "True", reason, message))
    return wanted


def _published(publication: Publication, found: PublicationFound) -> Condition:
    if found.stalled is not None:
        return _not(found.stalled)
    if found.missing is not None:
        return Condition(PUBLISHED, "False", "ReferenceNotFound", found.missing)
    if not publication.spec.published and found.waiting is None:
        return _stopped(found)
    for reason in (_withheld(found), found.site, _not_serving(found.deployment), found.route):
        if reason is not None:
            return _not(reason)
    return Condition(PUBLISHED, "True", "Published", "; ".join(("The Espaces are published", *found.notes)))


def _stopped(found: PublicationFound) -> Condition:
    message = "Nothing is published, as spec.published asks"
    if found.out_of_service or found.site is None:
        return Condition(PUBLISHED, "False", "Stopped", message)
    if found.in_force is not None and not found.in_force.get("published"):
        return Condition(PUBLISHED, "False", "Stopped", message)
    return Condition(PUBLISHED, "Unknown", "Stopping", f"The server may still publish: {found.site.message}")


def _withheld(found: PublicationFound) -> Obstacle | None:
    if found.waiting is not None:
        return found.waiting
    if found.out_of_service:
        return Obstacle(
            "BaseOutOfService", "The base is out of service; its Espaces are published once it is in service"
        )
    return None


def _not_serving(deployment: DeploymentFacts | None) -> Obstacle | None:
    if deployment is None:
        return Obstacle("Progressing", "The replicas are being made")
    if deployment.available:
        return None
    said = f": {deployment.trouble}" if deployment.trouble else ""
    return Obstacle("ReplicasNotReady", f"No replica serves yet{said}")


def _not(verdict: Verdict | Obstacle) -> Condition:
    return Condition(PUBLISHED, "False", verdict.reason, verdict.message)
