"""The children as an API server stores them: nothing differs once applied, and whatever the spec loses is noticed."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from bench.hand import operators_client
from local_cluster import Cluster, gateway
from local_cluster.api import ApiError
from local_cluster.progress import Progress
from pronote_operator.api.publication import Publication
from pronote_operator.builders.context import BuildContext, BuilderOptions, Manifest, Release, Restore
from pronote_operator.builders.volumes import data_claim
from pronote_operator.builders.webcontext import WebContext
from pronote_operator.builders.webpods import web_budget, web_deployment
from pronote_operator.builders.webroutes import http_route, ingress, site_configmap, web_policy, web_service
from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import BY_KIND
from pronote_operator.planning.drift import differs
from pronote_operator.planning.facts import claim_facts
from pronote_operator.planning.publication_site import site_document
from pronote_operator.planning.storage import storage_decision
from tests.api.conftest import CRD_PATH, Objects
from tests.support.waiting import wait_until
from tests.unit.builders.children import children, context
from tests.unit.builders.test_golden import FOLDER

SPACE = "children"
EVERYTHING = yaml.safe_load((FOLDER / "everything.in.yaml").read_text(encoding="utf-8"))
METADATA = {"name": "moulin", "namespace": SPACE, "uid": "6f9d1c1e-0000-4000-8000-000000000001"}

SOURCES: dict[str, Any] = {
    "empty": EVERYTHING["spec"]["source"]["empty"],
    "hnot": {"claimName": "upload", "path": "base.HNOT", "annexes": ["photos.HPHOTOS"], "profils": "users.profils"},
    "snapshot": {"base": "other", "name": "archive-20261123T023000Z"},
}
EXPOSURES: dict[str, Any] = {
    "httpRoute": {
        "parentRefs": [
            {"name": "web", "namespace": "gateways", "sectionName": "https", "port": 443},
            {"group": "", "kind": "Service", "name": "mesh"},
        ]
    },
    "ingress": {
        "className": "traefik",
        "annotations": {"proxy.example.org/body-size": "8m", "proxy.example.org/timeout": "9"},
        "tlsSecretName": "web-tls",
    },
    "service": {"type": "LoadBalancer"},
}
ALLOTTED = ("clusterIP", "clusterIPs", "healthCheckNodePort")


def base_children(spec: dict[str, Any]) -> list[Manifest]:
    """Every child of a base that was restored once."""
    ctx = context(spec, options=EVERYTHING["options"], metadata=METADATA)
    restored = BuildContext(
        ctx.base,
        ctx.options,
        ctx.release,
        ctx.school_year,
        ctx.agent_image,
        restore=Restore("a", "archive"),
        restored="a",
    )
    return children(restored)


def web_children(spec: dict[str, Any]) -> list[Manifest]:
    """Every child of a publication, with a delegation."""
    publication = Publication.model_validate({"metadata": {**METADATA, "name": "site"}, "spec": spec})
    options = BuilderOptions(operator_image="op:1", image_pull_policy="Always", trusted_proxies=("10.0.0.0/8",))
    ctx = WebContext(publication, options, Release("2026.2.5", "server:1"), "moulin.example.org", delegated=True)
    document = {"revision": 1, **site_document(publication, "https://moulin.example.org")}
    site = site_configmap(publication, ctx.base, document)
    wanted = [site, web_service(ctx), web_policy(ctx), web_budget(ctx), web_deployment(ctx)]
    return [manifest for manifest in [*wanted, http_route(ctx), ingress(ctx)] if manifest is not None]


def cases() -> dict[str, tuple[Any, dict[str, Any]]]:
    """(builder, whole spec) of bases and publications of every sort."""
    common = {name: value for name, value in EVERYTHING["spec"].items() if name != "source"}
    publication = {"base": "moulin", "host": "moulin.example.org", "path": "/p", "espaces": ["Parents", "Eleves"]}
    return {
        **{f"a base from {name}": (base_children, {**common, "source": {name: SOURCES[name]}}) for name in SOURCES},
        **{
            f"pages by {name}": (web_children, {**publication, "exposure": {name: EXPOSURES[name]}})
            for name in EXPOSURES
        },
    }


CASES = cases()


def without_each(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The value without each of its members and items, one at a time, with the path of what is missing."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        here = f"{path}.{key}" if path else str(key)
        rest = copy.deepcopy(value)
        del rest[key]
        yield here, rest
        for below, smaller in without_each(value[key], here):
            changed = copy.deepcopy(value)
            changed[key] = smaller
            yield below, changed


@pytest.fixture(scope="module")
def served(cluster: Cluster, objects: Objects) -> Cluster:
    """The API server, with HTTPRoutes and a namespace."""
    for kind in gateway.kinds(cluster.state, Progress(quiet=True)):
        objects.create(CRD_PATH, kind)
    wait_until(lambda: _serves_routes(objects), 30, what="HTTPRoutes are served")
    objects.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    return cluster


@pytest.fixture
async def client(served: Cluster) -> AsyncIterator[KubeClient]:
    async with operators_client(served.kubeconfig) as client:
        yield client


@pytest.mark.parametrize("case", CASES)
async def test_a_child_that_was_just_applied_does_not_differ(client: KubeClient, case: str) -> None:
    build, spec = CASES[case]
    for manifest in build(spec):
        assert differs(manifest, await client.apply(manifest)) == [], manifest["kind"]


@pytest.mark.parametrize("case", CASES)
async def test_whatever_the_spec_loses_is_noticed_and_taken_away(client: KubeClient, case: str) -> None:
    build, spec = CASES[case]
    whole = {_identity(manifest): manifest for manifest in build(spec)}
    stored = {identity: await client.apply(manifest) for identity, manifest in whole.items()}
    noticed = 0
    for path, less in without_each(spec):
        try:
            smaller = build(less)
        except ValidationError:
            continue  # it is required
        for manifest in smaller:
            identity = _identity(manifest)
            if identity not in whole or manifest == whole[identity]:
                continue
            assert differs(manifest, stored[identity]), f"{path}: {identity}"
            noticed += 1
            if manifest["kind"] != "PersistentVolumeClaim":  # whose spec the API lets nobody change
                await _check_that_applying_takes_it_away(client, manifest)
                stored[identity] = await client.apply(whole[identity])
    assert noticed > len(spec) - 2


async def test_a_volume_whose_class_was_set_is_taken_up_by_a_base_that_names_none(client: KubeClient) -> None:
    """The API lets nobody change a claim's class, so what was applied once must not be left out later."""
    spec = {**EVERYTHING["spec"], "deletionPolicy": "Retain"}
    there = await client.apply(data_claim(context(spec, metadata={**METADATA, "name": "kept"})))
    facts = claim_facts(there)
    assert facts.storage_class == "fast"
    plain = {**spec, "storage": {"size": spec["storage"]["size"]}}
    ctx = context(plain, metadata={**METADATA, "name": "kept"}, school_year=2027)
    size = ctx.base.spec.storage.size
    decision = storage_decision(
        "spec.storage.size", size, None, facts.size, facts.storage_class, None, class_was_set=facts.class_was_set
    )
    wanted = data_claim(ctx, decision)
    assert differs(wanted, there) == ["metadata.annotations.pronote.hosting/school-year"]
    assert (await client.apply(wanted))["spec"]["storageClassName"] == "fast"


async def _check_that_applying_takes_it_away(client: KubeClient, manifest: Manifest) -> None:
    """Applied over what was there before, it must give the same as from nothing."""
    changed = await client.apply(manifest)
    fresh = await client.apply({**manifest, "metadata": {**manifest["metadata"], "name": "fresh"}})
    await client.delete(BY_KIND[manifest["kind"]], SPACE, "fresh")
    assert _content(changed) == _content(fresh)


def _content(stored: Object) -> dict[str, Any]:
    """An object without what is its own: names, times, versions, and what a Service was allotted."""
    metadata = {name: stored["metadata"].get(name) for name in ("labels", "annotations", "ownerReferences")}
    spec = {name: value for name, value in stored.get("spec", {}).items() if name not in ALLOTTED}
    spec["ports"] = [{**port, "nodePort": None} for port in spec.get("ports", ())]
    return {"metadata": metadata, "spec": spec, "data": stored.get("data")}


def _serves_routes(objects: Objects) -> bool:
    try:
        objects.api.get(f"/apis/{gateway.GROUP}/v1/namespaces/{SPACE}/httproutes")
    except ApiError:
        return False
    return True


def _identity(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]
