"""The local cluster's gateway: routes and Ingresses are served over TLS, with the visitor's own address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from local_cluster import addresses
from tests.cluster.gateways import DOMAIN, GATEWAY, TLS_SECRET, Front
from tests.cluster.stage import Stage
from tests.support.kube import Kube
from tests.support.threaded import ThreadedServer

HOSTS = {"HTTPRoute": f"route.{DOMAIN}", "Ingress": f"ingress.{DOMAIN}"}


class Echo(ThreadedServer):
    """Tells what it was told about the visitor."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        told = request.headers.get("X-Forwarded-For", "")
        return web.json_response({"peer": request.remote, "visitor": told})


@pytest.fixture(scope="module")
def space(stage: Stage, front: Front) -> Iterator[str]:
    """A namespace in which a program on the node is served in both ways."""
    with stage.space() as name, Echo(host=addresses.NODE_IP) as server:
        front.install(stage.kube, name)
        for manifest in manifests(name, server.port):
            stage.kube.apply(manifest)
        yield name


def manifests(space: str, port: int) -> list[dict[str, Any]]:
    """A Service without pods, a route and an Ingress."""
    metadata = {"name": "echo", "namespace": space}
    labels = {"kubernetes.io/service-name": "echo"}
    backend = {"service": {"name": "echo", "port": {"number": 80}}}
    rule = {
        "host": HOSTS["Ingress"],
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [addresses.NODE_IP], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": port}],
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": metadata,
            "spec": {
                "parentRefs": [{"name": GATEWAY}],
                "hostnames": [HOSTS["HTTPRoute"]],
                "rules": [{"backendRefs": [{"name": "echo", "port": 80}]}],
            },
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": metadata,
            "spec": {
                "ingressClassName": "traefik",
                "tls": [{"hosts": [HOSTS["Ingress"]], "secretName": TLS_SECRET}],
                "rules": [rule],
            },
        },
    ]


@pytest.mark.parametrize("kind", HOSTS)
def test_a_visitor_is_served_over_tls_and_cannot_forge_an_address(space: str, front: Front, kind: str) -> None:
    url = f"https://{HOSTS[kind]}/"
    front.wait_served(url)
    with front.visitor("127.0.0.7") as visitor:
        told = visitor.get(url, headers={"X-Forwarded-For": "203.0.113.9"}).json()
    assert told == {"peer": addresses.NODE_IP, "visitor": "127.0.0.7"}


def test_the_route_says_that_the_gateway_took_it(space: str, kube: Kube) -> None:
    def accepted(route: dict[str, Any]) -> bool:
        parents = route.get("status", {}).get("parents", ())
        conditions = [each for parent in parents for each in parent["conditions"]]
        return any(each["type"] == "Accepted" and each["status"] == "True" for each in conditions)

    kube.wait_for("HTTPRoute", "echo", accepted, space, timeout=20)
    ingress = kube.wait_for("Ingress", "echo", lambda found: found["status"].get("loadBalancer"), space, timeout=20)
    assert ingress["status"]["loadBalancer"]["ingress"][0]["ip"] == addresses.NODE_IP


def test_asking_for_the_gateway_again_changes_nothing(stage: Stage, front: Front) -> None:
    before = stage.cluster.status()
    assert before["traefik"]
    stage.cluster.gateway()
    assert stage.cluster.status() == before
