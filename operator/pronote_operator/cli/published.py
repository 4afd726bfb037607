"""Publications and their delegations as the plugin shows them: pure, from what the API server answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.common import Condition, Resource, Status
from pronote_operator.api.constants import PUBLISHED, REACHABLE, READY
from pronote_operator.api.fields import ESPACES, Espace
from pronote_operator.api.publication import Publication

if TYPE_CHECKING:
    from pronote_operator.cli.connected import Connections

NET = "PRONOTE.net"
"""The application of a session in a browser, on the server."""


@dataclass(frozen=True)
class Published:
    """A publication.

    Args:
        delegations: of its Espaces, by name.
    """

    publication: Publication
    delegations: tuple[CasDelegation, ...]

    @property
    def espaces(self) -> tuple[Espace, ...]:
        """The Espaces that are asked for, in the order in which they are always named."""
        return tuple(espace for espace in ESPACES if espace in self.publication.spec.espaces)

    @property
    def url(self) -> str:
        """The address of the pages; empty while it is not known."""
        return self.publication.status.url or ""

    @property
    def exposure(self) -> str:
        """What leads to the pages: `HTTPRoute (web)`, `Ingress (traefik)`, `Service (LoadBalancer)`."""
        exposure = self.publication.spec.exposure
        if exposure is not None and exposure.http_route is not None:
            return f"HTTPRoute ({', '.join(parent.name for parent in exposure.http_route.parent_refs)})"
        if exposure is not None and exposure.ingress is not None:
            return f"Ingress ({exposure.ingress.class_name or 'default class'})"
        service = exposure.service if exposure is not None else None
        return f"Service ({service.type if service is not None else 'ClusterIP'})"

    @property
    def why(self) -> str:
        """What is in the way, or what there is to know although nothing is; empty when there is nothing to say."""
        ready = self.publication.status.condition(READY)
        if ready is None:
            return "no operator has looked at it yet"
        if ready.status != "True":
            return ready.message
        # What is to be known of the way to the pages comes after what is true of all publications.
        return ready.message.partition("; ")[2]


def paired(publications: Sequence[Publication], delegations: Sequence[CasDelegation]) -> list[Published]:
    """Publications with their delegations, by namespace and name."""
    of: dict[tuple[str, str], list[CasDelegation]] = {}
    for delegation in sorted(delegations, key=_place):
        of.setdefault((delegation.metadata.namespace, delegation.spec.publication), []).append(delegation)
    return [Published(one, tuple(of.get(_place(one), ()))) for one in sorted(publications, key=_place)]


def ent_of(delegation: CasDelegation) -> str:
    """The ENT by its name in the catalogue, or the address of its CAS server."""
    spec = delegation.spec
    return spec.ent or (spec.cas.url if spec.cas is not None else "")


def sessions_in(found: Connections) -> dict[str, int]:
    """How many visitors are logged in to each Espace."""
    return dict(Counter(one.espace for one in found.connections if one.application == NET))


def report(found: Sequence[Published], sessions: Mapping[str, int] | None) -> dict[str, Any]:
    """The same for programs.

    Args:
        sessions: of the only one, by Espace; None: they were not asked for.
    """
    return {"publications": [_described(one, sessions) for one in found]}


def _described(one: Published, sessions: Mapping[str, int] | None) -> dict[str, Any]:
    publication = one.publication
    links = {link.name: link.url for link in publication.status.espaces}
    espaces: list[dict[str, Any]] = []
    for espace in one.espaces:
        shown: dict[str, Any] = {"name": espace, "url": links.get(espace, "")}
        if sessions is not None:
            shown["sessions"] = sessions.get(espace, 0)
        espaces.append(shown)
    return {
        "namespace": publication.metadata.namespace,
        "name": publication.metadata.name,
        "base": publication.spec.base,
        "url": one.url,
        "exposure": one.exposure,
        "replicas": publication.spec.replicas,
        "conditions": _conditions(publication.status, READY, PUBLISHED),
        "espaces": espaces,
        "delegations": [
            {
                "name": delegation.metadata.name,
                "ent": ent_of(delegation),
                "espaces": list(delegation.spec.espaces),
                "conditions": _conditions(delegation.status, READY, REACHABLE),
            }
            for delegation in one.delegations
        ],
    }


def _conditions(status: Status, *kinds: str) -> dict[str, dict[str, str]]:
    found = ((kind, status.condition(kind)) for kind in kinds)
    return {kind: _condition(condition) for kind, condition in found if condition is not None}


def _condition(condition: Condition) -> dict[str, str]:
    return {"status": condition.status, "reason": condition.reason, "message": condition.message}


def _place(thing: Resource) -> tuple[str, str]:
    return thing.metadata.namespace, thing.metadata.name
