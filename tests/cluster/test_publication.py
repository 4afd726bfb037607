"""A base is published on the real cluster: what visitors get, and that the operator keeps it so."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.cluster.gateways import Front
from tests.cluster.published import INGRESS, Published
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.cluster.webport import web_port
from tests.support.kube import condition_of
from tests.support.waiting import wait_until

IN_FORCE_SECONDS = 10.0
"""From a change of the spec to what visitors get."""
REPAIR_SECONDS = 10.0


@pytest.fixture(scope="module")
def site(stage: Stage, front: Front) -> Iterator[Published]:
    """A published base, shared by the tests, which leave it published."""
    with stage.space() as space, stage.operator(space) as process:
        process.wait_leading()
        front.install(stage.kube, space)
        school = School(stage.cluster, stage.kube, space)
        school.apply()
        published = Published(school, {"replicas": 2})
        published.apply().wait()
        yield published


def status_of(front: Front, url: str) -> int:
    """What a visitor gets."""
    with front.visitor() as visitor:
        return visitor.get(url).status_code


def await_status(front: Front, url: str, wanted: int, seconds: float = IN_FORCE_SECONDS) -> None:
    last: list[object] = []

    def look() -> bool:
        try:
            last[:] = [status_of(front, url)]
        except httpx.TransportError as error:
            last[:] = [error]
        return last == [wanted]

    wait_until(look, seconds, what=f"{url} answers {wanted}", last=lambda: str(last))


def test_a_published_base_is_served_and_stopped_within_seconds(site: Published, front: Front) -> None:
    page = f"{site.url}/parent.html"
    await_status(front, page, 200)
    site.apply(published=False)
    await_status(front, page, 503)
    site.wait("False", "Stopped", timeout=IN_FORCE_SECONDS)
    site.wait("True", "Stopped", timeout=IN_FORCE_SECONDS, kind="Ready")
    site.apply(published=True)
    await_status(front, page, 200)
    site.wait(timeout=IN_FORCE_SECONDS)


def test_an_espace_that_is_taken_out_is_refused_and_others_are_not(site: Published, front: Front) -> None:
    site.apply(espaces=["Parents", "Eleves"])
    await_status(front, f"{site.url}/professeur.html", 503)
    assert status_of(front, f"{site.url}/parent.html") == 200
    links = [link["name"] for link in site.wait(timeout=IN_FORCE_SECONDS)["status"]["espaces"]]
    assert links == ["Parents", "Eleves"]
    site.apply(espaces=None)
    await_status(front, f"{site.url}/professeur.html", 200)
    site.wait(timeout=IN_FORCE_SECONDS)


CHILDREN = ["ConfigMap", "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget", "HTTPRoute"]


@pytest.mark.parametrize("kind", CHILDREN)
def test_a_deleted_child_is_made_again(site: Published, front: Front, kind: str) -> None:
    kube, space = site.school.kube, site.school.namespace
    name = f"{site.school.name}-site" if kind == "ConfigMap" else f"{site.name}-web"
    before = kube.get(kind, name, space)
    assert before is not None
    kube.delete(kind, name, space)

    def again() -> bool:
        there = kube.get(kind, name, space)
        return there is not None and there["metadata"]["uid"] != before["metadata"]["uid"]

    wait_until(again, REPAIR_SECONDS, what=f"{kind} is there again", last=lambda: kind)
    site.wait()
    await_status(front, f"{site.url}/parent.html", 200, 30)


def test_the_younger_of_two_stands_back_and_takes_over(site: Published) -> None:
    kube, space = site.school.kube, site.school.namespace
    younger = {
        **site.manifest,
        "metadata": {"name": "younger", "namespace": space},
        "spec": {"base": site.school.name, "replicas": 1},
    }
    kube.apply(younger)
    found = kube.wait_for_condition("Publication", "younger", "Stalled", space, reason="BaseTaken", timeout=20)
    assert site.name in condition_of(found, "Stalled")["message"]
    assert kube.get("Deployment", "younger-web", space) is None
    kube.delete("Publication", site.name, space)
    kube.wait_for_condition("Publication", "younger", "Published", space, timeout=90)
    for kind in CHILDREN[1:]:
        kube.wait_gone(kind, f"{site.name}-web", space, timeout=30)
    site.apply()
    kube.wait_for_condition("Publication", site.name, "Stalled", space, reason="BaseTaken", timeout=20)
    kube.delete("Publication", "younger", space)
    site.wait()


def test_another_exposure_takes_the_place_of_the_former_one(site: Published, front: Front) -> None:
    kube, space = site.school.kube, site.school.namespace
    site.apply(exposure=INGRESS)
    kube.wait_gone("HTTPRoute", f"{site.name}-web", space, timeout=IN_FORCE_SECONDS)
    await_status(front, f"{site.url}/parent.html", 200, 30)
    site.apply(exposure=None)
    kube.wait_gone("Ingress", f"{site.name}-web", space, timeout=IN_FORCE_SECONDS)
    site.wait()
    await_status(front, f"{site.url}/parent.html", 200, 30)


def test_a_base_out_of_service_comes_back_with_what_was_asked_meanwhile(site: Published, front: Front) -> None:
    site.school.apply(inService=False)
    site.wait("False", "BaseOutOfService", timeout=60)
    site.apply(espaces=["Parents"])
    site.school.apply(inService=True)
    site.wait()
    await_status(front, f"{site.url}/parent.html", 200)
    assert status_of(front, f"{site.url}/eleve.html") == 503
    site.apply(espaces=None).wait()


def test_another_base_is_published_in_the_place_of_the_former_one_which_is_told(site: Published, front: Front) -> None:
    school = site.school
    other = School(school.cluster, school.kube, school.namespace, "suivant", {"displayName": "Collège Suivant"})
    other.apply().wait_ready()
    site.apply(base=other.name).wait()
    school.kube.wait_gone("ConfigMap", f"{school.name}-site", school.namespace, timeout=IN_FORCE_SECONDS)
    with web_port(school) as former, web_port(other) as now:
        assert (former.published(), now.published()) == (False, True)
    with front.visitor() as visitor:
        # A replica that ends takes visitors for some seconds more, and shows them nothing.
        wait_until(lambda: "Suivant" in visitor.get(f"{site.url}/InfoMobileApp.json").text, 30, what="its name")
    site.apply(base=None).wait()
    await_status(front, f"{site.url}/parent.html", 200)
    with web_port(school) as back, web_port(other) as former:
        assert (back.published(), former.published()) == (True, False)
    other.delete()
