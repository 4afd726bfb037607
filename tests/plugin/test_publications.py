"""`kubectl pronote publications`: what is published of which base, and to whom it is delegated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pronote_operator.api.fields import ESPACES
from tests.plugin.conftest import Plugin, condition
from tests.plugin.fakeapi import FakeApi
from tests.plugin.fakepod import FakePod, connection

Object = dict[str, Any]
URL = "https://jean-moulin.pronote.example.org/pronote"
PUBLISHED = "The Espaces are published"


def publication(name: str = "jean-moulin", namespace: str = "schools", message: str = PUBLISHED, **spec: Any) -> Object:
    """A publication that is served, by a route to the Gateway `web`."""
    route = {"httpRoute": {"parentRefs": [{"name": "web"}]}}
    espaces = spec.get("espaces", ["Parents"])
    return {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "Publication",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "generation": 1},
        "spec": {"base": "jean-moulin", "exposure": route, **spec},
        "status": {
            "observedGeneration": 1,
            "url": URL,
            "espaces": [{"name": espace, "url": f"{URL}/{espace.lower()}.html"} for espace in espaces],
            "conditions": [condition(kind, "True", "Published", message) for kind in ("Ready", "Published")],
        },
    }


def delegation(name: str, *espaces: str, ready: str = "True", **spec: Any) -> Object:
    """A delegation of these Espaces of the publication."""
    conditions = [
        condition("Ready", ready, "Delegated" if ready == "True" else "EspaceTaken", f"what there is to say of {name}"),
        condition("Reachable", "False", "TimedOut", "The CAS server did not answer within 5 s"),
    ]
    return {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "CasDelegation",
        "metadata": {"name": name, "namespace": "schools", "uid": name, "generation": 1},
        "spec": {"publication": "jean-moulin", "ent": name, "espaces": list(espaces), **spec},
        "status": {"observedGeneration": 1, "conditions": conditions},
    }


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_each_publication_has_a_line_with_what_is_in_the_way(plugin: Plugin, api: FakeApi) -> None:
    api.add(publication(espaces=list(ESPACES)))
    stopped = publication("stopped", base="pasteur", published=False, espaces=["Parents", "Eleves"])
    stopped["status"] = {"conditions": [condition("Ready", "False", "NotInForce", "The server does not answer [yet]")]}
    api.add(stopped)
    api.add(publication("elsewhere", "others"))
    api.add(delegation("mon-lycee", "Parents"))
    ended = plugin("publications")
    assert ended.code == 0, ended.err
    lines = rows(ended.out)
    assert ["schools", "jean-moulin", "jean-moulin", "True", URL, "all", "mon-lycee"] in lines
    assert "Unknown" in ended.out
    assert "Parents, Eleves" in ended.out
    assert "The server does not answer [yet]" in ended.out
    assert "others" not in ended.out
    assert "elsewhere" in plugin("publications", "--all-namespaces").out
    assert "elsewhere" in plugin("publications", "-n", "others").out


def test_what_is_to_be_known_of_the_way_to_the_pages_is_shown_though_they_are_published(
    plugin: Plugin, api: FakeApi
) -> None:
    api.add(publication(message=f"{PUBLISHED}; all visitors have the address of the proxy"))
    assert "all visitors have the address of the proxy" in plugin("publications").out
    api.add(publication())
    assert PUBLISHED not in plugin("publications").out


def test_one_publication_is_shown_with_its_espaces_delegations_and_conditions(plugin: Plugin, api: FakeApi) -> None:
    api.add(publication(espaces=["Eleves", "Parents"]))
    api.add(delegation("mon-lycee", "Parents"))
    cas = {"url": "https://cas.example.org/cas"}
    api.add(delegation("second", "Parents", ready="False", ent=None, cas=cas))
    out = plugin("publications", "jean-moulin").out
    lines = rows(out)
    assert ["Exposure", "HTTPRoute", "(web)"] in lines
    parents, eleves = ["Parents", f"{URL}/parents.html"], ["Eleves", f"{URL}/eleves.html"]
    assert lines.index(parents) < lines.index(eleves), "in the order in which they are always named"
    assert ["mon-lycee", "mon-lycee", "Parents", "True", "False"] in lines
    assert "https://cas.example.org/cas" in out
    assert "what there is to say of second" in out
    assert "what there is to say of mon-lycee" not in out
    assert ["Published", "True", "2026-11-24", "08:12:10Z", "Published", *PUBLISHED.split()] in lines
    assert "Sessions" not in out


@pytest.mark.parametrize(
    ("exposure", "shown"),
    [
        (None, "Service (ClusterIP)"),
        ({"service": {"type": "LoadBalancer"}}, "Service (LoadBalancer)"),
        ({"ingress": {}}, "Ingress (default class)"),
        ({"ingress": {"className": "traefik"}}, "Ingress (traefik)"),
        ({"httpRoute": {"parentRefs": [{"name": "a"}, {"name": "b"}]}}, "HTTPRoute (a, b)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_way_to_the_pages_is_named(plugin: Plugin, api: FakeApi, exposure: Object | None, shown: str) -> None:
    api.add(publication(exposure=exposure))
    assert shown in plugin("publications", "jean-moulin").out


def test_programs_get_all_of_it(plugin: Plugin, api: FakeApi) -> None:
    api.add(publication(espaces=["Parents"]))
    api.add(delegation("mon-lycee", "Parents"))
    (told,) = json.loads(plugin("publications", "-o", "json").out)["publications"]
    assert told == {
        "namespace": "schools",
        "name": "jean-moulin",
        "base": "jean-moulin",
        "url": URL,
        "exposure": "HTTPRoute (web)",
        "replicas": 2,
        "conditions": {
            kind: {"status": "True", "reason": "Published", "message": PUBLISHED} for kind in ("Ready", "Published")
        },
        "espaces": [{"name": "Parents", "url": f"{URL}/parents.html"}],
        "delegations": [
            {
                "name": "mon-lycee",
                "ent": "mon-lycee",
                "espaces": ["Parents"],
                "conditions": {
                    "Ready": {
                        "status": "True",
                        "reason": "Delegated",
                        "message": "what there is to say of mon-lycee",
                    },
                    "Reachable": {
                        "status": "False",
                        "reason": "TimedOut",
                        "message": "The CAS server did not answer within 5 s",
                    },
                },
            }
        ],
    }


def test_visitors_are_counted_by_espace_when_they_are_asked_for(plugin: Plugin, pod: FakePod) -> None:
    browser = {"application": "PRONOTE.net", "mode": "consultation", "machine": ""}
    pod.connections = [
        connection(1),
        *[connection(number, **browser, espace="Parents") for number in (2, 3, 4)],
        connection(5, **browser, espace="Eleves"),
    ]
    pod.add(publication(espaces=["Parents", "Eleves", "Direction"]))
    lines = rows(plugin("publications", "jean-moulin", "--sessions").out)
    assert [line[-1] for line in lines if line and line[0] in ("Direction", "Parents", "Eleves")] == ["0", "3", "1"]
    told = json.loads(plugin("publications", "jean-moulin", "--sessions", "-o", "json").out)["publications"][0]
    assert {one["name"]: one["sessions"] for one in told["espaces"]} == {"Direction": 0, "Parents": 3, "Eleves": 1}
    assert pod.forwards == 2


def test_nothing_is_asked_of_the_server_unless_sessions_are_wanted(plugin: Plugin, api: FakeApi) -> None:
    api.add(publication(espaces=["Parents"]))
    plugin("publications", "jean-moulin")
    space = "/apis/pronote.hosting/v1alpha1/namespaces/schools"
    assert api.requests == [f"GET {space}/publications/jean-moulin", f"GET {space}/casdelegations"]


def test_what_others_wrote_cannot_command_the_terminal(plugin: Plugin, api: FakeApi) -> None:
    refused = publication()
    refused["status"]["conditions"] = [condition("Ready", "False", "NoMatch", "no \x1b[2Jlistener [red]x")]
    api.add(refused)
    for arguments in ((), ("jean-moulin",)):
        out = plugin("publications", *arguments).out
        assert "no ?[2Jlistener [red]x" in out
        assert "\x1b" not in out


def test_what_is_not_there_or_makes_no_sense_is_said(plugin: Plugin, api: FakeApi) -> None:
    nothing = plugin("publications")
    assert (nothing.code, nothing.out) == (0, "")
    assert "There is no publication here" in nothing.err
    missing = plugin("publications", "jean-moulin")
    assert missing.code == 1
    assert "publication jean-moulin not found in namespace schools" in missing.err
    assert plugin("publications", "jean-moulin", "-A").code == 1
    assert "give the name of a publication" in plugin("publications", "--sessions").err
    assert len(api.requests) == 3, "two lists and a publication"


def test_a_publication_that_no_operator_has_seen_is_shown_too(plugin: Plugin, api: FakeApi) -> None:
    new = publication()
    del new["status"]
    api.add(new)
    assert "no operator has looked at it yet" in plugin("publications").out
    assert "an earlier spec, or none" in plugin("publications", "jean-moulin").out
