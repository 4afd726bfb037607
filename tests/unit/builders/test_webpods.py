"""The replicas of PRONOTE.net: how they come, go, and are looked after."""

from __future__ import annotations

from typing import Any

import pytest

from pronote_net.run import VISITOR_BOUNDS
from pronote_operator.api.publication import Publication
from pronote_operator.builders.context import BuilderOptions, Release
from pronote_operator.builders.webcontext import WebContext
from pronote_operator.builders.webpods import BUSY_SECONDS, DRAIN_SECONDS, web_budget, web_deployment

PROXIES_HEAR_WITHIN_SECONDS = 5
"""That a replica takes no more visitors: endpoints, then kube-proxy or a gateway, on a busy cluster."""


def context(**spec: Any) -> WebContext:
    metadata = {"name": "jean-moulin", "namespace": "schools", "uid": "6f9d1c1e-0000-4000-8000-000000000002"}
    publication = Publication.model_validate({"metadata": metadata, "spec": {"base": "jean-moulin", **spec}})
    options = BuilderOptions(operator_image="localhost/pronote-operator:dev")
    release = Release(version="2026.2.5", image="localhost/pronote-server:2026.2.5")
    return WebContext(publication, options, release, "jean-moulin.pronote.example.org", delegated=False)


@pytest.fixture
def deployment() -> dict[str, Any]:
    return web_deployment(context())["spec"]  # type: ignore[no-any-return]


@pytest.fixture
def container(deployment: dict[str, Any]) -> dict[str, Any]:
    (found,) = deployment["template"]["spec"]["containers"]
    return found  # type: ignore[no-any-return]


def test_another_replica_is_there_before_one_goes(deployment: dict[str, Any]) -> None:
    assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_a_replica_that_is_to_end_still_serves_until_proxies_have_heard_of_it(
    deployment: dict[str, Any], container: dict[str, Any]
) -> None:
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}}
    assert DRAIN_SECONDS > PROXIES_HEAR_WITHIN_SECONDS
    grace = deployment["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > DRAIN_SECONDS + VISITOR_BOUNDS.drain_seconds, "what is being asked then may come to its end"


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe"])
def test_a_busy_replica_is_neither_taken_out_nor_started_again(container: dict[str, Any], probe: str) -> None:
    found = container[probe]
    assert found["periodSeconds"] * found["failureThreshold"] == BUSY_SECONDS
    assert found["timeoutSeconds"] <= found["periodSeconds"]


def test_a_new_replica_takes_visitors_soon(container: dict[str, Any]) -> None:
    assert container["startupProbe"]["periodSeconds"] == 1


@pytest.mark.parametrize(("replicas", "budget"), [(1, False), (2, True)])
def test_one_replica_alone_may_be_moved(replicas: int, budget: bool) -> None:
    assert (web_budget(context(replicas=replicas)) is not None) is budget
