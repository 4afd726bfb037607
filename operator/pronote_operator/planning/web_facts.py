"""What the operator remembers of a publication's children once they were judged: small, immutable."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pronote_operator.builders.names import LABEL_BASE, SITE_KEY

_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,127}")
_GATEWAY_GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why visitors do not get what is to be published, though no field of the spec need be mended for it.

    Args:
        reason: CamelCase, for machines.
        message: a sentence for people.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """Of the Deployment.

    Args:
        available: at least one replica serves.
        complete: every replica is of the latest template and serves.
        replaced: no replica of an earlier template is left.
        base: name of the base that the latest template is for.
        trouble: why it does not go on, in the controller's words; None when it says nothing.
    """

    available: bool
    complete: bool
    replaced: bool
    base: str | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """Of the Service: where it is reached from outside.

    Args:
        node_port: None when there is none.
        balancer: host name or address that a load balancer gave; None when there is none.
    """

    node_port: int | None
    balancer: str | None


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """Of an HTTPRoute or an Ingress.

    Args:
        refused: why it does not work, as its controllers say; None when they say nothing against it.
        confirmed: whether a controller said that it works.
    """

    refused: Obstacle | None
    confirmed: bool


def site_in(configmap: Mapping[str, Any]) -> dict[str, Any] | None:
    """The site document that a ConfigMap holds; None when there is none, or nothing that makes sense."""
    try:
        document = json.loads((configmap.get("data") or {}).get(SITE_KEY, ""))
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    revision = document.get("revision")
    # A revision that no clock gives would outlast every document to come.
    good = isinstance(revision, int) and not isinstance(revision, bool) and 0 <= revision < 2**53
    return document if good else None


def deployment_facts(body: Mapping[str, Any]) -> DeploymentFacts:
    """Facts of a Deployment as the API gave it."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    seen = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    wanted, available = spec.get("replicas", 1), status.get("availableReplicas", 0)
    replicas = wanted if isinstance(wanted, int) else 0  # judged before it is changed back, whatever it was changed to
    replaced = seen and status.get("replicas", 0) == status.get("updatedReplicas", 0)
    complete = replaced and status.get("updatedReplicas", 0) >= replicas and available >= replicas
    base = (metadata.get("labels") or {}).get(LABEL_BASE)
    trouble = _deployment_trouble(status.get("conditions") or ())
    return DeploymentFacts(available > 0, bool(complete), bool(replaced), base, trouble)


def service_facts(body: Mapping[str, Any]) -> ServiceFacts:
    """Facts of a Service as the API gave it."""
    ports = body["spec"].get("ports") or [{}]
    entries = ((body.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}]
    return ServiceFacts(ports[0].get("nodePort"), entries[0].get("hostname") or entries[0].get("ip"))


def ingress_facts(body: Mapping[str, Any]) -> RouteFacts:
    """Facts of an Ingress. Its controllers can confirm it by an address, and have no way to refuse it."""
    entries = ((body.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return RouteFacts(None, confirmed=bool(entries))


def route_facts(body: Mapping[str, Any]) -> RouteFacts:
    """Facts of an HTTPRoute: each of its parents must have accepted this generation of it, and found the Service."""
    metadata = body["metadata"]
    answers = (body.get("status") or {}).get("parents") or []
    for wanted in body["spec"].get("parentRefs") or ():
        parent = _parent(wanted, metadata["namespace"])
        given = [one for one in answers if _parent(one.get("parentRef") or {}, metadata["namespace"]) == parent]
        if not given:
            return RouteFacts(_unanswered(metadata["name"], wanted, metadata["namespace"]), confirmed=False)
        refusals = [_refusal(one, metadata.get("generation", 0)) for one in given]
        if None not in refusals:
            return RouteFacts(refusals[0], confirmed=False)
    return RouteFacts(None, confirmed=True)


def _deployment_trouble(conditions: Any) -> str | None:
    for condition in conditions:
        failed = condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"
        stuck = condition.get("type") == "Progressing" and condition.get("status") == "False"
        if failed or stuck:
            return str(condition.get("message") or condition.get("reason") or "")[:600]
    return None


def _parent(reference: Mapping[str, Any], namespace: str) -> tuple[Any, ...]:
    return (
        reference.get("group", _GATEWAY_GROUP),
        reference.get("kind", "Gateway"),
        reference.get("namespace") or namespace,
        reference.get("name"),
        reference.get("sectionName"),
        reference.get("port"),
    )


def _unanswered(route: str, reference: Mapping[str, Any], namespace: str) -> Obstacle:
    kind, name = reference.get("kind", "Gateway"), reference.get("name")
    where = reference.get("namespace") or namespace
    return Obstacle(
        "RouteNotAccepted",
        f"No controller has answered for HTTPRoute {route} at {kind} {where}/{name} yet: is there one of that name, "
        "and does its class have a controller?",
    )


def _refusal(answer: Mapping[str, Any], generation: int) -> Obstacle | None:
    conditions = {one.get("type"): one for one in answer.get("conditions") or ()}
    for kind in ("Accepted", "ResolvedRefs"):
        condition = conditions.get(kind, {})
        if condition.get("status") == "True" and condition.get("observedGeneration", generation) >= generation:
            continue
        reason, said = str(condition.get("reason") or ""), str(condition.get("message") or "")[:600]
        if condition.get("status") != "False" or not _REASON.fullmatch(reason):
            reason = "RouteNotAccepted"
        return Obstacle(reason, f"HTTPRoute: {kind} is {condition.get('status', 'unknown')}: {said or reason}")
    return None
