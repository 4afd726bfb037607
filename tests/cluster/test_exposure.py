"""Pages behind a real gateway, by a route and by an Ingress: who is served, and whose address the server sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cluster import addresses
from tests.cluster.gateways import GATEWAY, TLS_SECRET, Front
from tests.cluster.people import Person
from tests.cluster.published import INGRESS, Published
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.conformance.certificates import new_authority, write_certificate
from tests.support.kube import Object, condition_of
from tests.support.operator_process import OperatorProcess

IN_FORCE_SECONDS = 15.0
"""From a change of the spec to what visitors get: the operator, then the gateway."""
PASSWORD = "Rentree-2026-cahier"
WRONG_LOGINS = 5
"""That suspend an address under `ipControl: High`."""
LISTENER = "https"
ROUTE, BY_INGRESS = "route", "ingress"

Pages = dict[str, Published]


@pytest.fixture(scope="module")
def operator(stage: Stage) -> Iterator[OperatorProcess]:
    """An operator that trusts the gateway, which runs on the node."""
    with stage.space() as space, stage.operator(space, trusted_proxies=f"{addresses.NODE_IP}/32") as process:
        process.wait_leading()
        yield process


@pytest.fixture(scope="module")
def pages(stage: Stage, front: Front, operator: OperatorProcess) -> Pages:
    """Two published bases, one by each way; tests leave them published."""
    space = operator.environment["POD_NAMESPACE"]
    front.install(stage.kube, space)
    ways: dict[str, dict[str, Any]] = {ROUTE: {}, BY_INGRESS: {"exposure": INGRESS}}
    made = {}
    for name, spec in ways.items():
        school = School(stage.cluster, stage.kube, space, name, {"security": {"ipControl": "High"}})
        school.apply()
        made[name] = Published(school, {"replicas": 1, **spec}).apply()
    for published in made.values():
        published.wait()
        published.school.add_user("durand", PASSWORD)
    return made


def log_in(front: Front, published: Published, password: str, address: str) -> int:
    """The status that somebody at an address gets who logs in as a teacher, and claims to come from elsewhere."""
    with front.visitor(address) as visitor:
        visitor.headers["X-Forwarded-For"] = "203.0.113.9"
        visitor.headers["X-Real-Ip"] = "203.0.113.9"
        visitor.headers["Forwarded"] = "for=203.0.113.9"
        page = visitor.get(f"{published.url}/professeur.html")
        secret = re.search(r'name="jeton" value="([^"]+)"', page.text)
        if secret is None:
            return page.status_code
        form = {"identifiant": "durand", "motdepasse": password, "jeton": secret[1]}
        return visitor.post(f"{published.url}/professeur/entrer", data=form).status_code


def child(published: Published, kind: str) -> Object:
    """Its HTTPRoute or its Ingress."""
    return published.school.child(kind, f"{published.name}-web")


@pytest.mark.parametrize("way", [ROUTE, BY_INGRESS])
def test_pages_are_served_over_tls_until_they_are_stopped(pages: Pages, front: Front, way: str) -> None:
    published = pages[way]
    page = f"{published.url}/parent.html"
    assert page.startswith(f"https://{published.host}/")
    front.wait_served(page)
    published.apply(published=False)
    front.wait_served(page, 503, IN_FORCE_SECONDS)
    published.wait("False", "Stopped")
    published.apply(published=True)
    front.wait_served(page, 200, IN_FORCE_SECONDS)
    assert published.wait()["status"]["url"] == published.url
    assert published.condition["message"] == "The Espaces are published", "nothing is to be said about it"


@pytest.mark.parametrize("way", [ROUTE, BY_INGRESS])
def test_who_guesses_passwords_is_suspended_alone_whatever_they_say_of_their_address(
    pages: Pages, front: Front, way: str
) -> None:
    published, person = pages[way], Person(pages[way].school)
    guesser, teacher = "127.0.0.7", "127.0.0.8"
    front.wait_served(f"{published.url}/professeur.html")
    assert [log_in(front, published, "wrong", guesser) for _ in range(WRONG_LOGINS)] == [401] * WRONG_LOGINS
    (blocked,) = person.told("blocked")["blockedAddresses"]
    assert blocked["address"] == guesser
    assert log_in(front, published, PASSWORD, guesser) == 429
    assert log_in(front, published, PASSWORD, teacher) == 303
    (session,) = person.told("connections")["connections"]
    assert (session["application"], session["address"]) == ("PRONOTE.net", teacher)
    (shown,) = person.told("publications", "--sessions")["publications"]
    assert {one["name"]: one["sessions"] for one in shown["espaces"] if one["sessions"]} == {"Professeurs": 1}


def accepted(route: Object) -> Object:
    """What the gateway says of a route; empty before it has said anything."""
    answers = route.get("status", {}).get("parents", ())
    conditions: list[Object] = [each for answer in answers for each in answer["conditions"]]
    return next((each for each in conditions if each["type"] == "Accepted"), {})


def parents(published: Published, **members: Any) -> Published:
    """Have the route's parent with these members."""
    return published.apply(exposure={"httpRoute": {"parentRefs": [{"name": GATEWAY, **members}]}})


def test_published_follows_what_the_gateway_says_of_the_route(pages: Pages, front: Front) -> None:
    published = pages[ROUTE]
    parents(published, sectionName="no-listener")
    route = published.school.kube.wait_for(
        "HTTPRoute",
        f"{published.name}-web",
        lambda found: accepted(found).get("status") == "False",
        published.school.namespace,
        timeout=IN_FORCE_SECONDS,
        what="the gateway refuses the route",
    )
    reason = accepted(route)["reason"]
    for kind in ("Published", "Ready"):
        refused = condition_of(published.wait("False", reason, IN_FORCE_SECONDS, kind), kind)
        assert refused["message"].startswith("HTTPRoute: Accepted is False"), refused

    parents(published)
    published.wait(timeout=IN_FORCE_SECONDS)
    front.wait_served(f"{published.url}/parent.html")


def test_a_gateway_that_is_not_there_is_told_of_and_its_coming_heals(pages: Pages, front: Front, stage: Stage) -> None:
    published = pages[ROUTE]
    published.apply(exposure={"httpRoute": {"parentRefs": [{"name": "later"}]}})
    published.wait("False", "RouteNotAccepted", timeout=IN_FORCE_SECONDS)
    assert f"{published.school.namespace}/later" in published.condition["message"]
    later = front.gateway(published.school.namespace, "later")
    stage.kube.apply(later)
    published.wait(timeout=IN_FORCE_SECONDS)
    parents(published).wait(timeout=IN_FORCE_SECONDS)
    stage.kube.delete("Gateway", "later", published.school.namespace)


def test_a_listener_is_named_and_no_longer_named(pages: Pages, front: Front) -> None:
    published = pages[ROUTE]
    parents(published, sectionName=LISTENER, port=443).wait(timeout=IN_FORCE_SECONDS)
    (parent,) = child(published, "HTTPRoute")["spec"]["parentRefs"]
    assert (parent["sectionName"], parent["port"]) == (LISTENER, 443)
    front.wait_served(f"{published.url}/parent.html")
    parents(published).wait(timeout=IN_FORCE_SECONDS)
    (parent,) = child(published, "HTTPRoute")["spec"]["parentRefs"]
    assert parent == {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": GATEWAY}
    front.wait_served(f"{published.url}/parent.html")


def test_another_certificate_is_shown_from_the_secret_that_is_named(
    pages: Pages, front: Front, stage: Stage, tmp_path: Path
) -> None:
    published = pages[BY_INGRESS]
    page = f"{published.url}/parent.html"
    ingress = dict(INGRESS["ingress"])
    published.apply(exposure={"ingress": {**ingress, "tlsSecretName": "own-tls"}})
    published.wait("False", "TlsSecretNotFound", timeout=IN_FORCE_SECONDS)

    authority = new_authority("Own")
    write_certificate(tmp_path, authority, (published.host,))
    own = Front(authority, tmp_path)
    secret = own.secret(published.school.namespace)
    stage.kube.apply({**secret, "metadata": {**secret["metadata"], "name": "own-tls"}})
    # For a Secret is looked every 30 s, and at every change of the spec.
    published.apply(inactivityMinutes=61).wait(timeout=IN_FORCE_SECONDS)
    own.wait_served(page)

    published.apply(exposure=INGRESS).wait(timeout=IN_FORCE_SECONDS)
    (tls,) = child(published, "Ingress")["spec"]["tls"]
    assert tls == {"hosts": [published.host], "secretName": TLS_SECRET}
    front.wait_served(page)


def test_what_is_taken_out_of_the_exposure_is_taken_off_the_ingress_by_an_operator_that_just_started_too(
    pages: Pages, operator: OperatorProcess, front: Front
) -> None:
    published = pages[BY_INGRESS]
    annotations = {"example.org/kept": "1", "example.org/dropped": "1"}
    published.apply(exposure={"ingress": {**INGRESS["ingress"], "annotations": annotations}})
    published.wait(timeout=IN_FORCE_SECONDS)
    assert child(published, "Ingress")["metadata"]["annotations"] == annotations

    operator.terminate()
    published.apply(exposure={"ingress": {"annotations": {"example.org/kept": "1"}}})
    operator.start()
    published.wait()
    bare = child(published, "Ingress")
    assert bare["metadata"]["annotations"] == {"example.org/kept": "1"}
    assert "ingressClassName" not in bare["spec"]
    assert bare["spec"]["tls"] == [{"hosts": [published.host]}]

    published.apply(exposure=INGRESS).wait(timeout=IN_FORCE_SECONDS)
    assert "annotations" not in child(published, "Ingress")["metadata"]
    front.wait_served(f"{published.url}/parent.html")


def test_a_publication_says_that_the_gateway_is_not_trusted(
    pages: Pages, operator: OperatorProcess, front: Front
) -> None:
    operator.terminate()
    trusting = dict(operator.environment)
    operator.environment["PRONOTE_OPERATOR_TRUSTED_PROXIES"] = ""
    operator.start()
    for published in pages.values():
        found = published.school.kube.wait_for(
            "Publication",
            published.name,
            lambda found: "trustedProxies is empty" in condition_of(found, "Ready")["message"],
            published.school.namespace,
            timeout=60,
        )
        assert condition_of(found, "Published")["status"] == "True"
        assert condition_of(found, "Ready")["status"] == "True"
    operator.environment.update(trusting)
